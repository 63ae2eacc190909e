"""Path transforms of rule models over HTTP: exact credit, and what was dropped by what."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.harness import Service, order, running, touch

pytestmark = pytest.mark.anyio
MARCH = {"from": "2026-03-01", "to": "2026-04-01"}
ORDER = "won:order:P1"


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Service]:
    """One order of 100.00 after direct, email, email, paid_search, direct; one of 60.00 after
    direct alone."""
    async with running(tmp_path) as service:
        await service.tell(
            touch("p1", day(1), channel="direct"),
            touch("p1", day(2), channel="email"),
            touch("p1", day(3), channel="email"),
            touch("p1", day(4), channel="paid_search"),
            touch("p1", day(5), channel="direct"),
            order("p1", day(6), "100.00", id="P1"),
            touch("p2", day(1), channel="direct"),
            order("p2", day(2), "60.00", id="P2"),
        )
        yield service


def day(number: int) -> str:
    return f"2026-03-{number:02d}T10:00:00Z"


def values(answer: Any) -> dict[str, float]:
    return {row["channel"]: row["value"] for row in answer["rows"] if row["value"]}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("last_touch", {"direct": 160}),
        (
            "last_touch:transform=remove_if_last_and_not_all(direct)",
            {"paid_search": 100, "direct": 60},
        ),
        ("first_touch:transform=remove_if_not_all(direct)", {"email": 100, "direct": 60}),
        ("linear:transform=exposure", {"direct": 110, "email": 25, "paid_search": 25}),
        ("linear:transform=first", {"direct": 93.34, "email": 33.33, "paid_search": 33.33}),
        ("linear:transform=frequency", {"direct": 93.34, "email": 33.33, "paid_search": 33.33}),
        (
            "position_based:transform=remove_if_not_all(direct) exposure",
            {"email": 50, "paid_search": 50, "direct": 60},
        ),
        ("linear:transform=exposure:max_steps=2", {"direct": 110, "paid_search": 50}),
        ("last_paid:max_steps=1", {"direct": 160}),
    ],
)
async def test_channels_get_what_the_steps_earn(
    shop: Service, model: str, expected: dict[str, float]
) -> None:
    answer = await shop.ask("/v1/attribution", model=model, **MARCH)
    assert values(answer) == expected
    assert answer["totals"] == {"conversions": 2, "value": 160}
    roi = await shop.ask("/v1/roi", model=model, **MARCH)
    assert {r["channel"]: r["revenue"] for r in roi["rows"] if r["revenue"]} == expected


async def test_answers_name_the_transform(shop: Service) -> None:
    asked = "linear:max_steps=4:transform=exposure first"
    answer = await shop.ask("/v1/attribution", model=asked, **MARCH)
    (model,) = answer["meta"]["models"]
    assert model["model"] == "linear:transform=exposure+first:max_steps=4"
    assert model["parameters"] == {"unique": False, "transform": "exposure+first", "max_steps": 4}


async def test_none_is_as_without(shop: Service) -> None:
    plain = await shop.ask("/v1/attribution", model="linear", **MARCH)
    asked = await shop.ask("/v1/attribution", model="linear:transform=none:max_steps=none", **MARCH)
    assert asked == plain
    unique = await shop.ask("/v1/attribution", model="linear:transform=unique", **MARCH)
    assert (unique["rows"], unique["totals"]) == (plain["rows"], plain["totals"])


async def test_an_unknown_transform_is_refused_with_the_remedy(shop: Service) -> None:
    answer = await shop.get("/v1/attribution", model="linear:transform=shuffle")
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_parameter")
    assert "chain of transforms such as exposure+first" in answer.json()["detail"]


DROPPED = "remove_if_last_and_not_all(direct)"


async def test_a_journey_says_what_was_dropped_by_what(shop: Service) -> None:
    model = f"linear:transform={DROPPED}+exposure:max_steps=2"
    answer = await shop.ask(f"/v1/journeys/{ORDER}", model=model, **MARCH)
    found = [touchpoint["credit"][model] for touchpoint in answer["touchpoints"]]
    assert [(c["value"], c["step"], c["dropped_by"]) for c in found] == [
        (0, None, "max_steps=2"),
        (25, 1, None),
        (25, 1, None),
        (50, 2, None),
        (0, None, DROPPED),
    ]
    plain = await shop.ask(f"/v1/journeys/{ORDER}", model="linear", **MARCH)
    steps = [touchpoint["credit"]["linear"]["step"] for touchpoint in plain["touchpoints"]]
    assert steps == [1, 2, 3, 4, 5]


async def test_the_explanation_divides_a_step_over_its_touchpoints(shop: Service) -> None:
    model = f"position_based:transform=exposure+{DROPPED}"
    answer = await shop.ask(f"/v1/conversions/{ORDER}/explain", model=model, **MARCH)
    (explained,) = answer["models"]
    assert explained["parameters"]["transform"] == f"exposure+{DROPPED}"
    names = ("step", "weight", "sum_of_weights", "shared_by", "share", "value", "dropped_by")
    assert [tuple(t[n] for n in names) for t in explained["touchpoints"]] == [
        (1, 2, 5, 1, 0.4, 40, None),
        (2, 1, 5, 2, 0.1, 10, None),
        (2, 1, 5, 2, 0.1, 10, None),
        (3, 2, 5, 1, 0.4, 40, None),
        (None, 0, 5, None, 0, 0, DROPPED),
    ]


async def test_a_model_of_all_journeys_says_it_too(shop: Service) -> None:
    """All by one path, and both of what it holds are needed: half each. What is grouped by may be
    anything, a transform names a channel still."""
    model = "markov:transform=remove_if_not_all(direct)+exposure"
    answer = await shop.ask(
        f"/v1/conversions/{ORDER}/explain", model=model, group_by="source", **MARCH
    )
    (explained,) = answer["models"]
    found = [(t["step"], t["shared_by"], t["dropped_by"]) for t in explained["touchpoints"]]
    dropped = (None, None, "remove_if_not_all(direct)")
    # All of them say no source, so what is left of them is one run.
    assert found == [dropped, (1, 3, None), (1, 3, None), (1, 3, None), dropped]
    by_channel = await shop.ask(f"/v1/conversions/{ORDER}/explain", model=model, **MARCH)
    (explained,) = by_channel["models"]
    found = [(t["step"], t["shared_by"], t["dropped_by"]) for t in explained["touchpoints"]]
    assert found == [dropped, (1, 2, None), (1, 2, None), (2, 1, None), dropped]


async def test_states_of_a_frequency_keep_their_channels(shop: Service) -> None:
    answer = await shop.ask(
        f"/v1/conversions/{ORDER}/explain", model="markov:transform=frequency", **MARCH
    )
    (explained,) = answer["models"]
    assert [state["state"] for state in explained["states"]] == [
        ["direct"],
        ["email"],
        ["paid_search"],
    ]


async def test_a_cell_is_made_of_the_steps_parts(shop: Service) -> None:
    answer = await shop.ask(
        "/v1/explain",
        report="attribution",
        cell="channel:email",
        measure="value",
        model=f"linear:transform={DROPPED}+exposure",
        **MARCH,
    )
    (item,) = answer["items"]
    assert (answer["number"], item["part"], item["whole"]) == (33.33, 33.33, 100)
    told = [(t["weight"], t["sum_of_weights"], t["shared_by"], t["credit"])
            for t in item["touchpoints"]]  # fmt: skip
    assert told == [(1, 3, 2, 16.67), (1, 3, 2, 16.66)]


async def test_a_published_default_may_be_transformed(shop: Service) -> None:
    draft = {"default_model": f"last_touch:transform={DROPPED}"}
    address = "/v1/configuration/draft"
    body = {"configuration": draft}
    put = await shop.client.put(address, json=body, headers=shop.bearer("admin"))
    assert put.status_code == 200, put.text
    published = await shop.post({"note": ""}, "/v1/configuration/publish", "admin")
    assert published.status_code == 200, published.text
    answer = await shop.ask("/v1/attribution", **MARCH)
    assert values(answer) == {"paid_search": 100, "direct": 60}
