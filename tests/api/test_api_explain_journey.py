"""Why a touchpoint got its credit: the formula worked with the journey's own numbers, and the facts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.harness import Json, Service, deal, event, order, running, touch, unique

pytestmark = pytest.mark.anyio
MARCH = {"from": "2026-03-01", "to": "2026-04-01"}


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Service]:
    """Ann buys for 100 by email, search and email again; Bob for 300 by search; Cay not at all."""
    async with running(tmp_path) as service:
        await service.tell(
            touch("ann", "2026-03-01T10:00:00Z", channel="email"),
            touch("ann", "2026-03-04T22:00:00Z", channel="paid_search"),
            touch("ann", "2026-03-08T10:00:00Z", channel="email"),
            order("ann", "2026-03-08T10:00:00Z", "100.00", id="A1"),
            touch("bob", "2026-03-05T10:00:00Z", channel="paid_search"),
            order("bob", "2026-03-06T10:00:00Z", "300.00", id="B1"),
            touch("cay", "2026-03-05T10:00:00Z", channel="email"),
            deal("ann", "2026-03-09T10:00:00Z", "opportunity", id="N1"),
        )
        yield service


async def explained(shop: Service, model: str, name: str = "won:order:A1", **asked: str) -> Json:
    return await shop.ask(f"/v1/conversions/{name}/explain", model=model, **MARCH, **asked)


async def worked(shop: Service, model: str, name: str = "won:order:A1") -> list[str]:
    (found,) = (await explained(shop, model, name))["models"]
    return [step["worked"] for step in found["touchpoints"]]


async def test_time_decay_is_worked_with_the_journeys_numbers(shop: Service) -> None:
    assert await worked(shop, "time_decay") == [
        "2^(-7d / 7d) = 0.5; divided by the sum 2.2071 = 0.2265; of 100.00 EUR = 22.65",
        "2^(-3.5d / 7d) = 0.7071; divided by the sum 2.2071 = 0.3204; of 100.00 EUR = 32.04",
        "2^(-0d / 7d) = 1; divided by the sum 2.2071 = 0.4531; of 100.00 EUR = 45.31",
    ]


async def test_what_rounding_decided_is_said(shop: Service) -> None:
    third = "1; divided by the sum 3 = 0.3333; of 100.00 EUR = "
    assert await worked(shop, "linear") == [
        f"{third}33.3333, rounded to 33.34 so that all add up",
        f"{third}33.33",
        f"{third}33.33",
    ]


async def test_who_gets_nothing_is_told_why(shop: Service) -> None:
    assert await worked(shop, "first_touch") == [
        "the first touch: 1; divided by the sum 1 = 1; of 100.00 EUR = 100.00",
        "not the first touch: 0; divided by the sum 1 = 0",
        "not the first touch: 0; divided by the sum 1 = 0",
    ]


async def test_what_is_worth_nothing_is_worked_in_conversions(shop: Service) -> None:
    assert await worked(shop, "position_based", "opportunity:deal:N1") == [
        "first 40; divided by the sum 100 = 0.4; of 1 conversion = 0.4",
        "middle 20 / 1 = 20; divided by the sum 100 = 0.2; of 1 conversion = 0.2",
        "last 40; divided by the sum 100 = 0.4; of 1 conversion = 0.4",
    ]


async def test_a_model_of_all_journeys_is_worked_down_to_the_touchpoint(shop: Service) -> None:
    """Search converts in one of two visits, email in one of three: without email 1/6 of all
    journeys convert instead of 2/3, without search 2/9. In money 50 and 22.22 of 133.33 a journey."""
    (found,) = (await explained(shop, "markov"))["models"]
    email, search = found["states"]
    assert email["worked_conversions"] == (
        "1 - P(without) / P = 1 - 0.1667 / 0.6667 = 0.75; "
        "divided by the sum of all effects 1.4167 = 0.5294"
    )
    assert search["worked_conversions"] == (
        "1 - P(without) / P = 1 - 0.2222 / 0.6667 = 0.6667; "
        "divided by the sum of all effects 1.4167 = 0.4706"
    )
    assert email["worked_value"] == (
        "1 - V(without) / V = 0.625, V the mean value of a journey; "
        "divided by the sum of all effects 1.4583 = 0.4286"
    )
    assert (email["removal_effect"], email["value_effect"]) == (0.75, 0.625)
    assert (search["value"], search["carried_value"]) == (228.57, 57.14)
    assert (search["journeys"], search["carried_conversions"]) == (2, 0.470588)
    first = (
        "email: 0.4286 of all 400.00 EUR = 171.43; this journey is 100.00 EUR of the 100.00 EUR "
        "of 1 converting journey with it and carries 171.43; divided equally over its 2 steps = 85.72"
    )
    assert [step["worked"] for step in found["touchpoints"]] == [
        first,
        (
            "paid_search: 0.5714 of all 400.00 EUR = 228.57; this journey is 100.00 EUR of the "
            "400.00 EUR of 2 converting journeys with it and carries 57.14"
        ),
        first.replace("85.72", "85.71"),
    ]


async def test_touchpoints_and_conversion_name_their_facts(shop: Service) -> None:
    answer = await explained(shop, "linear")
    facts = [touchpoint["fact"] for touchpoint in answer["touchpoints"]]
    assert [fact["occurred_at"] for fact in facts] == [
        "2026-03-01T10:00:00Z",
        "2026-03-04T22:00:00Z",
        "2026-03-08T10:00:00Z",
    ]
    assert [touchpoint["channel"] for touchpoint in answer["touchpoints"]] == [
        "email",
        "paid_search",
        "email",
    ]
    (own,) = answer["conversion"]["facts"]
    assert own["type"] == "order"
    for fact in (*facts, own):
        assert fact["source"]
        assert fact["id"]
        assert fact["received_at"] > "2026-03"


async def a_chain(shop: Service) -> tuple[str, str]:
    """A cookie, an address and a user id, joined by two facts; who buys is the user id. A second
    cookie stands beside it in the order itself."""
    cookie, mail = unique("cookie"), f"{unique('dan')}@acme.example"
    await shop.tell(
        touch(cookie, "2026-03-02T10:00:00Z", channel="email"),
        event("identify", "2026-03-03T10:00:00Z", {"anonymous_id": cookie, "email": mail}),
        event("identify", "2026-03-04T10:00:00Z", {"email": mail, "user_id": "u-7"}),
        touch("phone", "2026-03-05T10:00:00Z", channel="paid_search"),
        order({"anonymous_id": "phone", "user_id": "u-7"}, "2026-03-06T10:00:00Z", id="D1"),
    )
    return cookie, mail


async def test_why_a_touchpoint_is_the_buyers(shop: Service) -> None:
    cookie, mail = await a_chain(shop)
    answer = await explained(shop, "linear", "won:order:D1", key="people")
    first, second = (touchpoint["joined"] for touchpoint in answer["touchpoints"])
    assert second["by"] == "identifier"
    assert second["identifier"] == {"kind": "anonymous_id", "value": "phone"}
    assert second["links"] == []
    assert (first["by"], first["identifier"]) == ("links", None)
    assert first["person_id"] == second["person_id"] == answer["conversion"]["person_id"]
    assert [(link["left"]["kind"], link["right"]["kind"]) for link in first["links"]] == [
        ("anonymous_id", "email"),
        ("email", "user_id"),
    ]
    assert first["links"][0]["left"]["value"] == cookie
    assert first["links"][1]["right"]["value"] == "u-7"
    for link, day in zip(first["links"], ("03", "04"), strict=True):
        assert link["fact"]["type"] == "identify"
        assert link["fact"]["occurred_at"] == f"2026-03-{day}T10:00:00Z"
        assert link["fact"]["received_at"]
    hidden = await shop.get("/v1/conversions/won:order:D1/explain", key="read", **MARCH)
    assert cookie not in hidden.text
    assert mail not in hidden.text
    shown = hidden.json()["touchpoints"][0]["joined"]["links"][0]["left"]
    assert shown == {"kind": "anonymous_id", "value": None}


async def test_a_link_withdrawn_and_said_again_is_shown_by_who_said_it_last(
    shop: Service,
) -> None:
    both = {"anonymous_id": "lap", "user_id": "u-8"}
    ends = {"left": {"anonymous_id": "lap"}, "right": {"user_id": "u-8"}}
    await shop.tell(
        touch("lap", "2026-03-02T10:00:00Z", channel="email"),
        event("identify", "2026-03-03T10:00:00Z", both),
        order({"user_id": "u-8"}, "2026-03-06T10:00:00Z", id="E1"),
        event("unlink", "2026-03-04T10:00:00Z", None, unlink=ends),
    )
    assert (await explained(shop, "linear", "won:order:E1"))["touchpoints"] == []
    await shop.tell(event("identify", "2026-03-05T10:00:00Z", both))
    (touchpoint,) = (await explained(shop, "linear", "won:order:E1"))["touchpoints"]
    (link,) = touchpoint["joined"]["links"]
    assert link["fact"]["occurred_at"] == "2026-03-05T10:00:00Z"


async def test_a_colleagues_touchpoint_is_the_accounts(shop: Service) -> None:
    company = {"account": {"domain": "acme.example"}}
    await shop.tell(
        touch({"email": "eve@acme.example"}, "2026-03-02T10:00:00Z", channel="email"),
        order({"email": "fay@acme.example"}, "2026-03-06T10:00:00Z", id="F1") | company,
    )
    (touchpoint,) = (await explained(shop, "linear", "won:order:F1", scope="account"))[
        "touchpoints"
    ]
    assert touchpoint["joined"]["by"] == "account"
