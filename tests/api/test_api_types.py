"""Every field of every format, given a value of a wrong type: refused by name, never converted."""

from typing import Any

import pytest

from tests.api.harness import Json, Service, touch, unique
from tests.api.whole_events import (
    PARTS,
    RATE,
    SPEND,
    Path,
    at,
    changed,
    known_fields,
    paths,
    whole,
)

pytestmark = pytest.mark.anyio
# What a value is called that no wrong type can be put in place of: these take any plain value.
FREE = {("segment", "industry"), ("consent", "analytics"), ("track", "properties", "seconds")}
# Amounts and identifiers are text or a number, ids may be a whole number.
REFUSED_AS = {"wrong_type", "bad_identifier", "bad_amount", "bad_rate", "unknown_value"}


def wrong_values(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        return ["text", 5, True]
    return [[], {"a": 1}, True]


def cases() -> list[Any]:
    found = []
    for kind in PARTS:
        event = whole(kind)
        for path in paths(event):
            # What all types have in common is tried with one of them.
            if path[0] != kind and kind != "touch":
                continue
            for value in wrong_values(at(event, path)):
                if path in FREE and value is True:
                    continue
                name = "-".join(map(str, path))
                found.append(pytest.param(kind, path, value, id=f"{name}-{type(value).__name__}"))
    return found


def field_of(path: Path) -> str:
    return ".".join(map(str, path))


async def refusal_beside_good(service: Service, path: str, bad: Json, good: list[Json]) -> Json:
    """Post good, bad, good: gives the refusal of the bad one; the good ones are kept."""
    body = [good[0], bad, good[1]]
    response = await service.post(body, path)
    receipt = response.json()
    assert response.status_code == 202, response.text
    (refusal,) = receipt["rejected"]
    assert (receipt["accepted"], refusal["index"]) == (2, 1)
    assert len(refusal["detail"]) > 10
    again = (await service.post([good[0], good[1]], path)).json()
    assert (again["accepted"], again["duplicates"]) == (0, 2)
    found: Json = refusal
    return found


def test_the_events_tried_have_every_field_there_is() -> None:
    tried = {
        tuple(step for step in path if isinstance(step, str))
        for kind in PARTS
        for path in paths(whole(kind))
    }
    assert set(known_fields()) - tried == set()


@pytest.mark.parametrize("kind", PARTS)
async def test_the_events_tried_are_good(service: Service, kind: str) -> None:
    await service.tell(whole(kind))


@pytest.mark.parametrize(("kind", "path", "value"), cases())
async def test_a_wrong_type(service: Service, kind: str, path: Path, value: Any) -> None:
    bad = {**changed(whole(kind), path, value)}
    good = [touch(unique("a"), "2026-03-01T10:00:00Z") for _ in range(2)]
    refusal = await refusal_beside_good(service, "/v1/events", bad, good)
    assert refusal["code"] in REFUSED_AS
    if path[:2] == ("deal", "contacts") and len(path) == 4:
        path = ("identifiers", path[3])
    if path[0] == "unlink" and len(path) == 3:
        path = ("identifiers", path[2])
    assert refusal["field"] == field_of(path)


def lines(part: Json) -> list[Any]:
    return [
        pytest.param(name, value, id=f"{name}-{type(value).__name__}")
        for name, given in part.items()
        for value in wrong_values(given)
    ]


@pytest.mark.parametrize(("name", "value"), lines(SPEND))
async def test_a_wrong_type_in_spend(service: Service, name: str, value: Any) -> None:
    good = [{**SPEND, "ad": unique("ad")} for _ in range(2)]
    refusal = await refusal_beside_good(service, "/v1/spend", {**SPEND, name: value}, good)
    assert refusal["code"] in REFUSED_AS
    assert refusal["field"] == name


@pytest.mark.parametrize(("name", "value"), lines(RATE))
async def test_a_wrong_type_in_rates(service: Service, name: str, value: Any) -> None:
    good = [
        {**RATE, "base": base, "rate": unique("1.").replace("-", "")} for base in ("PLN", "CZK")
    ]
    refusal = await refusal_beside_good(service, "/v1/rates", {**RATE, name: value}, good)
    assert refusal["code"] in REFUSED_AS
    assert refusal["field"] == name
