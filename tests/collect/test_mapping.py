"""Mapping files: what they may say, and how a mistake in them is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.collect.filling import Conventions, flat, items_of
from service.collect.mapping import From, parse_mapping, with_fields
from service.kit.errors import BadRequest, Refusal

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
MAPPING = """
    timezone = "UTC"
    delimiter = ";"

    [[event]]
    occurred_at = "time"
    identifiers.user_id = "customer"
    touch.kind = { column = "what", values = { Seen = "impression" }, other = "click" }
    touch.click_ids.gclid = "gclid"

    [[event]]
    name = "sale"
    when = [{ column = "paid", equals = ["1", "Yes"] }, { present = ["time", "sum"] }]
    type = "=order"
    occurred_at = "time"
    order.id = "{customer}-{time}"
    order.currency = "=EUR"
    order.amount = "sum"
    order.status = { column = "state", values = { Paid = "completed" }, default = "completed" }
"""


def items(mapping: str, values: dict[str, Any]) -> list[tuple[str, Any]]:
    plan = parse_mapping(mapping, "events")
    return [
        (event.name, item.code if isinstance(item, Refusal) else item)
        for event, item in items_of(values, plan, Conventions())
    ]


ROW = {"time": "2026-03-01T10:00Z", "customer": " c1 ", "what": "seen", "gclid": ""}


def test_a_row_gives_the_events_whose_conditions_hold() -> None:
    touch = {
        "type": "touch",
        "occurred_at": "2026-03-01T10:00:00Z",
        "identifiers": {"user_id": "c1"},
        "touch": {"kind": "impression"},
    }
    assert items(MAPPING, ROW) == [("touch", touch)]
    [_, (name, sale)] = items(MAPPING, {**ROW, "paid": "YES", "sum": "5", "state": ""})
    assert name == "sale"
    assert sale == {
        "type": "order",
        "occurred_at": "2026-03-01T10:00:00Z",
        "order": {
            "id": "c1-2026-03-01T10:00Z",
            "currency": "EUR",
            "amount": "5",
            "status": "completed",
        },
    }


def test_a_word_that_is_not_listed() -> None:
    [(_, touch), (_, sale)] = items(MAPPING, {**ROW, "what": "new", "paid": "1", "state": "odd"})
    assert touch["touch"] == {"kind": "click"}  # `other` takes it
    assert sale == "unmapped_value"


def test_a_template_with_a_hole_is_no_value() -> None:
    [_, (_, sale)] = items(MAPPING, {**ROW, "paid": "1", "customer": ""})
    assert "id" not in sale["order"]


def test_json_says_the_same() -> None:
    document = {"event": [{"type": "=touch", "occurred_at": "at", "touch": {"channel": "c"}}]}
    plan = parse_mapping(json.dumps(document), "events", is_json=True)
    [event] = plan.events
    assert event.name == "touch"
    assert event.fields["touch.channel"] == From(column="c")


def test_names_differ_although_types_do_not() -> None:
    block = '[[event]]\noccurred_at = "at"\ndeal.id = "id"\n'
    plan = parse_mapping(block * 3, "deals")
    assert [event.name for event in plan.events] == ["deal", "deal-2", "deal-3"]


def test_single_fields_go_where_they_belong() -> None:
    plan = with_fields(
        parse_mapping(MAPPING, "events"),
        ["order.currency==PLN", "identifiers.email=mail", "order.id=n={number}"],
        "events",
    )
    touch, sale = (event.fields for event in plan.events)
    assert "order.currency" not in touch
    assert sale["order.currency"] == From(constant="PLN")
    assert sale["order.id"] == From(template="n={number}")
    assert touch["identifiers.email"] == sale["identifiers.email"] == From(column="mail")


@pytest.mark.parametrize("option", ["touch.channel", "=x", "touch.channel=", "deal.id=x", "id=x"])
def test_single_fields_that_cannot_be_meant(option: str) -> None:
    with pytest.raises((BadRequest, Refusal)) as caught:
        with_fields(parse_mapping(MAPPING, "events"), [option], "events")
    assert caught.value.code == "bad_mapping"


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        pytest.param("x = ", "cannot be read", id="no toml"),
        pytest.param("zone = 'UTC'", "'zone' is not known", id="setting"),
        pytest.param("timezone = 1\n[[event]]\ntype = '=touch'", "timezone is a text", id="number"),
        pytest.param("timezone = 'UTC'", "no [[event]]", id="no event"),
        pytest.param("event = 1", "no [[event]]", id="event is no list"),
        pytest.param("[[event]]\ntouch.chanel = 'x'", "'touch.chanel' is not a field", id="typo"),
        pytest.param("[[event]]\ntouch = 'x'", "'touch' has fields of its own", id="whole part"),
        pytest.param("[[event]]\nidentifiers = 'x'", "has fields of its own", id="identifiers"),
        pytest.param("[[event]]\nid.x = 'x'", "'id.x' is not a field", id="too deep"),
        pytest.param("[[event]]\noccurred_at = 'x'", "needs its type", id="no type"),
        pytest.param("[[event]]\ntouch.kind = 1", "touch.kind is a column", id="a number"),
        pytest.param(
            "[[event]]\ntouch.kind = { column = 'x', constant = 'y' }", "one of", id="two sources"
        ),
        pytest.param("[[event]]\ntouch.kind = { column = 'x', map = 'y' }", "may hold", id="map"),
        pytest.param(
            "[[event]]\ntouch.kind = { column = 'x', values = { a = 1 } }", "texts", id="values"
        ),
        pytest.param(
            "[[event]]\ntype = '=touch'\nwhen = { column = 'x' }", "`when` holds", id="half a when"
        ),
        pytest.param(
            "[[event]]\ntype = '=touch'\nwhen = { column = 'x', equals = 1 }",
            "compares texts",
            id="when with a number",
        ),
        pytest.param("[[event]]\ntype = '=touch'\nwhen = 'x'", "`when` is", id="when is a text"),
        pytest.param("[[event]]\ntype = '=touch'\nname = 1", "`name` is a text", id="name"),
        pytest.param(
            "[[event]]\ntype = '=touch'\nid = 'x'\n[[event]]\ntype = '=order'\nid = 'x'",
            "the same id",
            id="one id for two",
        ),
    ],
)
def test_a_mistake_is_named(mapping: str, says: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_mapping(mapping, "events")
    assert caught.value.code == "bad_mapping"
    assert says in caught.value.detail


def test_spend_lines_have_fields_of_their_own() -> None:
    plan = parse_mapping("[[line]]\ndate = 'd'\nsource = '=x'\namount = 'a'", "spend")
    assert [event.name for event in plan.events] == ["event"]
    with pytest.raises(BadRequest, match=r"'touch\.channel' is not a field of a line of spend"):
        parse_mapping("[[line]]\ntouch.channel = 'd'", "spend")


def test_nested_columns_go_by_their_path() -> None:
    assert flat({"a": {"b": {"c": 1}, "d": [{"e": 2}]}, "f": None}) == {
        "a.b.c": 1,
        "a.d": [{"e": 2}],
        "f": None,
    }


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_are_mappings(path: Path) -> None:
    kind = path.stem.partition("-")[2] or "events"
    assert parse_mapping(path.read_text(), kind).events  # type: ignore[arg-type]
