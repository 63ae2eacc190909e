"""Whatever is posted to a hook is read or refused by name; nothing else happens."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from service.collect.hooks import hook_formats, validated
from service.collect.intake import collect_messages
from service.kit.errors import BadRequest
from tests.collect.hooked import PUBLIC_URL
from tests.collect.sending import ROOM, call, sender
from tests.collect.test_close import STORY as CLOSE
from tests.collect.test_hubspot import CONTACT, DEAL, STORY
from tests.collect.test_pipedrive import STORY as PIPEDRIVE

KNOWN: dict[str, list[Any]] = {
    "hubspot": [*STORY, CONTACT, DEAL],
    "pipedrive": list(PIPEDRIVE),
    "close": list(CLOSE),
    "webhook": [{"a": {"b": [1, {"c": "x"}]}, "id": 1, "at": 1769940000}],
    "postback": [{"subid": "X", "payout": "1.5", "status": "sale", "date": "1769940000"}],
}
OPTIONS: dict[str, dict[str, Any]] = {
    "webhook": {
        "constants": {"kind": "deal"},
        "fields": {
            "id": "event_id", "at": "occurred_at", "a.b[1].c": "object_id", "a.b": "status",
            "a": "identifiers.email", "a.b[0]": "amount", "$.a.b[-1]": "touch.source",
        },
        "stages": {"1": "won"},
    },
    "hubspot": {"fields": {"x": "touch.source"}, "original_source": True},
}  # fmt: skip
odd = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["\ud800", "\x00", "9" * 400, "1e400", "{x}", -1, 2**70, [], {}, [[]], {"": None}]),
)  # fmt: skip


def paths(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every value of a document stands, itself too."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [before, *(path for name, one in inner for path in paths(one, (*before, name)))]


def with_value(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    name, *rest = path
    changed = with_value(document[name], tuple(rest), value)
    if isinstance(document, dict):
        return {**document, name: changed}
    return [changed if n == name else one for n, one in enumerate(document)]


def taken(kind: str, document: Any) -> None:
    wire = hook_formats()[kind]
    options = validated(kind, OPTIONS.get(kind, {}))
    request = replace(call("/", document), options=options, public_url=PUBLIC_URL)
    request.__dict__["json"] = request.__dict__["document"] = document
    try:
        messages = wire.messages(request)
    except BadRequest:
        return
    who = replace(sender(), options=options)
    batch = collect_messages(messages, who, wire, ROOM)
    for fact in batch.facts:
        assert len(fact.fact_id) <= 200
        assert orjson.loads(fact.payload)
    assert all(refused.code and refused.detail for refused in batch.refused)


@pytest.mark.parametrize("kind", sorted(KNOWN))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_value_in_any_place(kind: str, data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(KNOWN[kind]))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(paths(document)))
        document = with_value(document, path, data.draw(odd))
    taken(kind, document)


@pytest.mark.parametrize("kind", sorted(KNOWN))
@example(document=[])
@example(document={"properties": 1})
@example(document={"properties": {"dealstage": {"value": []}}, "objectId": {}})
@example(document={"event": {"object_type": "lead", "data": {"id": 1, "contacts": [1, None]}}})
@example(document={"meta": {"version": "2.0", "entity": "deal", "entity_id": 1}, "data": {}})
@settings(max_examples=60)
@given(
    document=st.recursive(
        odd,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
    )
)
def test_any_document(kind: str, document: Any) -> None:
    taken(kind, document)
