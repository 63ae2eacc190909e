"""From a number down to the facts behind it: journeys, explanations, paths, people, the funnel."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.api.harness import Json, Service, by, deal, event, lead, order, page, touch, unique

pytestmark = pytest.mark.anyio


def in_year(year: int) -> Json:
    return {"from_": f"{year}-01-01", "to": f"{year + 1}-01-01"}


def credit_of(journey: Json, model: str) -> list[Any]:
    return [touchpoint["credit"][model]["value"] for touchpoint in journey["touchpoints"]]


async def a_sale(service: Service, year: int) -> tuple[str, dict[str, str]]:
    """A browser becomes a person and buys: gives the conversion's id and the person's identifiers."""
    browser, mail = unique("browser"), f"{unique('ann')}@acme.example"
    sale, name = unique("D"), unique("L")
    both = {"anonymous_id": browser, "email": mail}
    await service.tell(
        page(browser, f"{year}-03-01T10:00:00Z", "https://shop.example/?utm_source=google&utm_medium=cpc&utm_campaign=spring"),
        page(browser, f"{year}-03-01T10:03:00Z", "https://shop.example/chairs"),
        event("identify", f"{year}-03-02T10:00:00Z", both),
        lead({"email": mail}, f"{year}-03-02T10:00:00Z", id=name),
        touch({"email": mail}, f"{year}-03-05T10:00:00Z", "newsletter/email"),
        touch({"email": mail}, f"{year}-03-09T10:00:00Z", "sales/call", kind="call"),
        deal({"email": mail}, f"{year}-03-06T10:00:00Z", "opportunity", id=sale, lead_id=name),
        deal({"email": mail}, f"{year}-03-10T10:00:00Z", "won", id=sale, amount="100.00", currency="EUR"),
    )  # fmt: skip
    return f"won:deal:{sale}", both


async def test_a_journey_from_first_touch_to_closed_deal(service: Service) -> None:
    conversion_id, _ = await a_sale(service, 2010)
    models = "first_touch,linear,w_shaped"
    journey = await service.ask(f"/v1/journeys/{conversion_id}", model=models)
    conversion = journey["conversion"]
    assert conversion["conversion_id"] == conversion_id
    assert (conversion["value"], conversion["currency"], conversion["touchpoints"]) == (
        100,
        "EUR",
        3,
    )
    assert conversion["channels"] == ["paid_search", "email", conversion["last_channel"]]
    assert conversion["days_to_convert"] == 9
    first, second, third = journey["touchpoints"]
    assert (first["kind"], first["page_views"], first["seconds"]) == ("visit", 2, 180)
    assert (first["landing_page"], first["campaign"]) == ("shop.example/", "spring")
    assert (second["kind"], third["kind"]) == ("click", "call")
    assert [t["position"] for t in journey["touchpoints"]] == [1, 2, 3]
    assert [(m["stage"], m["position"]) for m in journey["milestones"]] == [
        ("lead", 1),
        ("opportunity", 2),
    ]
    assert [t["milestones"] for t in journey["touchpoints"]] == [["lead"], ["opportunity"], []]
    assert credit_of(journey, "first_touch") == [100, 0, 0]
    assert credit_of(journey, "linear") == [33.34, 33.33, 33.33]
    assert credit_of(journey, "w_shaped") == [60, 30, 10]
    for touchpoint in journey["touchpoints"]:
        assert touchpoint["facts"]


async def test_an_explanation_adds_up(service: Service) -> None:
    conversion_id, _ = await a_sale(service, 2011)
    models = "position_based,time_decay:half_life=3d,linear"
    explained = await service.ask(f"/v1/conversions/{conversion_id}/explain", model=models)
    journey = await service.ask(f"/v1/journeys/{conversion_id}", model=models)
    assert [m["name"] for m in explained["models"]] == ["position_based", "time_decay", "linear"]
    for model in explained["models"]:
        steps = model["touchpoints"]
        assert model["formula"]
        assert round(sum(step["value"] for step in steps), 2) == 100
        assert round(sum(step["conversions"] for step in steps), 6) == 1
        assert sum(step["weight"] for step in steps) == steps[0]["sum_of_weights"]
        for step in steps:
            assert step["share"] == pytest.approx(step["weight"] / step["sum_of_weights"], abs=1e-9)
            assert step["value"] == pytest.approx(100 * step["share"], abs=0.01)
        assert [step["value"] for step in steps] == credit_of(journey, model["model"])


async def test_a_cell_drills_down_to_what_it_is_made_of(service: Service) -> None:
    for _ in range(3):
        await a_sale(service, 2012)
    report = await service.ask("/v1/attribution", model="linear", **in_year(2012))
    cell = by(report["rows"], "channel")["email"]
    found = await service.ask("/v1/journeys", filter_channel="email", **in_year(2012))
    total = 0.0
    for item in found["items"]:
        journey = await service.ask(f"/v1/journeys/{item['conversion_id']}", model="linear")
        total += sum(
            t["credit"]["linear"]["value"]
            for t in journey["touchpoints"]
            if t["channel"] == "email"
        )
    assert round(total, 2) == cell["value"] == 99.99
    none = await service.ask("/v1/journeys", filter_channel="display", **in_year(2012))
    assert none["items"] == []


async def test_who_may_see_whom(service: Service) -> None:
    conversion_id, who = await a_sale(service, 2013)
    for path in (f"/v1/journeys/{conversion_id}", f"/v1/conversions/{conversion_id}/explain"):
        shown = await service.ask(path, key="people")
        kinds = {i["kind"]: i["value"] for i in shown["identifiers"]}
        # An address rests in the ledger as a keyed hash: nobody is shown it.
        assert kinds == {"anonymous_id": who["anonymous_id"], "email": None}
        hidden = await service.get(path, key="read")
        assert hidden.json()["identifiers"] == []
        assert who["anonymous_id"] not in hidden.text
        assert who["email"] not in hidden.text
    person_id = shown["conversion"]["person_id"]
    person = await service.ask(f"/v1/people/{person_id}", key="people")
    assert (person["person_id"], person["known"]) == (person_id, True)
    assert [c["conversion_id"] for c in person["conversions"]][-1] == conversion_id
    assert [t["kind"] for t in person["touchpoints"]] == ["visit", "click", "call"]
    assert (await service.get(f"/v1/people/{person_id}", key="read")).status_code == 403


async def test_journeys_are_searched(service: Service) -> None:
    conversion_id, _ = await a_sale(service, 2014)
    await a_sale(service, 2014)
    name = conversion_id.rpartition(":")[2]
    person_id = (await service.ask(f"/v1/journeys/{conversion_id}"))["conversion"]["person_id"]
    for search in (name, name.lower(), person_id, f" {name} "):
        found = (await service.ask("/v1/journeys", search=search, **in_year(2014)))["items"]
        assert conversion_id in [item["conversion_id"] for item in found]
    assert (await service.ask("/v1/journeys", search="%", **in_year(2014)))["items"] == []


@pytest.mark.parametrize("name", ["a/b", "x/explain", "50%", "?&=#", "ą ż", "🪑", "..", "a:b", "+"])
async def test_objects_with_awkward_names(service: Service, name: str) -> None:
    who, sale = unique("visitor"), unique(name)
    await service.tell(order(who, "2015-03-01T10:00:00Z", id=sale))
    escaped = quote(f"won:order:{sale}", safe="")
    journey = await service.ask(f"/v1/journeys/{escaped}")
    assert journey["conversion"]["object"] == {"kind": "order", "id": sale}
    explained = await service.ask(f"/v1/conversions/{escaped}/explain")
    assert explained["unattributed_reason"] == "no_touchpoint"


async def test_paths(service: Service) -> None:
    ways = ["google/cpc newsletter/email", "google/cpc newsletter/email", "google/cpc", ""]
    for number, way in enumerate(ways, 1):
        who = unique("visitor")
        seen = [touch(who, f"2016-03-0{n}T10:00:00Z", v) for n, v in enumerate(way.split(), 1)]
        await service.tell(*seen, order(who, "2016-03-05T10:00:00Z", f"{number}.00"))
    answer = await service.ask("/v1/paths", **in_year(2016))
    assert answer["totals"] == {"paths": 3, "conversions": 4, "value": 10}
    found = {tuple(row["path"]): (row["conversions"], row["value"]) for row in answer["rows"]}
    assert found == {
        ("paid_search", "email"): (2, 3),
        ("paid_search",): (1, 3),
        (): (1, 4),
    }
    days = {tuple(row["path"]): row["median_days"] for row in answer["rows"]}
    assert days == {("paid_search", "email"): 4, ("paid_search",): 4, (): None}


async def test_the_funnel(service: Service) -> None:
    # Four visit, three become leads, two are accepted, one buys, twice.
    people = [unique("visitor") for _ in range(4)]
    names = [unique("L") for _ in range(4)]
    sale = unique("D")
    visit = "https://shop.example/?utm_source=google&utm_medium=cpc"
    await service.tell(
        *(page(who, "2017-03-01T10:00:00Z", visit) for who in people),
        *(lead(w, "2017-03-02T10:00:00Z", id=n) for w, n in zip(people[:3], names, strict=False)),
        *(lead(w, "2017-03-04T10:00:00Z", id=n, stage="mql") for w, n in zip(people[:2], names, strict=False)),
        lead(people[0], "2017-03-05T10:00:00Z", id=names[0], stage="sql"),
        deal(people[0], "2017-03-06T10:00:00Z", "opportunity", id=sale, lead_id=names[0]),
        deal(people[0], "2017-03-11T10:00:00Z", "won", id=sale, amount="100.00", currency="EUR"),
        order(people[0], "2017-03-21T10:00:00Z", "10.00"),
    )  # fmt: skip
    funnel = await service.ask("/v1/funnel", **in_year(2017))
    stages = by(funnel["stages"], "stage")
    assert {name: (s["count"], s["customers"]) for name, s in stages.items()} == {
        "visit": (4, 4),
        "lead": (3, 3),
        "mql": (2, 2),
        "sql": (1, 1),
        "opportunity": (1, 1),
        "won": (2, 1),
        "repeat": (1, 1),
    }
    assert [s["from_previous"] for s in funnel["stages"]] == [None, 0.75, 0.666667, 0.5, 1, 1, 1]
    assert [s["from_first"] for s in funnel["stages"]] == [1, 0.75, 0.5, 0.25, 0.25, 0.25, 0.25]
    assert [s["median_days"] for s in funnel["stages"]] == [None, 1, 2, 1, 1, 5, 10]
    (row,) = funnel["rows"]
    assert row == {
        "channel": "paid_search", "visits": 4, "leads": 3, "mqls": 2, "sqls": 1,
        "opportunities": 1, "won": 2, "revenue": 110,
    }  # fmt: skip
    assert funnel["totals"]["revenue"] == 110


async def test_late_links_change_the_past(service: Service) -> None:
    browser, mail = unique("browser"), f"{unique('bob')}@acme.example"
    await service.tell(
        touch(browser, "2018-03-01T10:00:00Z", "google/cpc"),
        order({"email": mail}, "2018-03-02T10:00:00Z"),
    )
    before = await service.ask("/v1/attribution", **in_year(2018))
    assert before["unattributed"]["reasons"][0]["reason"] == "no_touchpoint"
    known = {"anonymous_id": browser, "email": mail.upper()}
    await service.tell(event("identify", "2018-04-01T10:00:00Z", known))
    after = await service.ask("/v1/attribution", **in_year(2018))
    assert by(after["rows"], "channel")["paid_search"]["value"] == 100
    await service.tell(
        event("unlink", "2018-05-01T10:00:00Z", None,
              unlink={"left": {"anonymous_id": browser}, "right": {"email": mail}}),
    )  # fmt: skip
    parted = await service.ask("/v1/attribution", **in_year(2018))
    assert parted["unattributed"]["value"] == 100


async def test_a_number_of_a_report_down_to_its_conversions(service: Service) -> None:
    conversion_id, _ = await a_sale(service, 1995)
    asked = {**in_year(1995), "model": "linear"}
    row = by((await service.ask("/v1/roi", **asked))["rows"], "channel")["paid_search"]
    answer = await service.ask("/v1/explain", cell="channel:paid_search", **asked)
    assert answer["number"] == answer["sum"] == answer["shown"] == row["revenue"] == 33.34
    assert (answer["measure"], answer["count"], answer["next"]) == ("revenue", 1, None)
    (item,) = answer["items"]
    assert (item["conversion_id"], item["part"], item["whole"]) == (conversion_id, 33.34, 100)
    (touchpoint,) = item["touchpoints"]
    assert (touchpoint["weight"], touchpoint["sum_of_weights"]) == (1, 3)
    assert (touchpoint["credit"], touchpoint["campaign"]) == (33.34, "spring")
    total = await service.ask("/v1/explain", report="attribution", measure="conversions", **asked)
    assert (total["number"], total["cell"]["kind"]) == (1, "total")


async def test_a_restated_spend_line_and_a_ratio_of_it(service: Service) -> None:
    line = {"date": "1996-03-01", "source": "google", "medium": "cpc", "campaign": "x",
            "currency": "EUR", "clicks": 4}  # fmt: skip
    await service.tell(
        {**line, "amount": "20.00", "stated_at": "1996-03-02T06:00:00Z"}, path="/v1/spend"
    )
    await service.tell(
        {**line, "amount": "25.00", "stated_at": "1996-03-03T06:00:00Z"}, path="/v1/spend"
    )
    asked = {**in_year(1996), "cell": "channel:paid_search"}
    spend = await service.ask("/v1/explain", measure="spend", **asked)
    (item,) = spend["items"]
    assert (spend["number"], item["part"], item["statements"], item["restated"]) == (
        25,
        25,
        2,
        True,
    )
    roas = await service.ask("/v1/explain", measure="roas", **asked)
    assert roas["number"] == 0
    above, below = roas["terms"]
    assert (above["measure"], above["number"]) == ("revenue", 0)
    assert (below["measure"], below["number"]) == ("spend", 25)
    followed = await service.client.get(below["href"], headers=service.bearer("read"))
    assert followed.json()["number"] == 25


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"cell": "channel:nowhere"}, 404, "no_such_cell"),
        ({"cell": "nonsense"}, 422, "bad_cell"),
        ({"cell": "day:1995-03-01", "group_by": "channel"}, 422, "bad_cell"),
        ({"measure": "happiness"}, 422, "unknown_value"),
        ({"report": "funnel"}, 422, "unknown_value"),
        ({"cursor": "x"}, 422, "bad_cursor"),
    ],
)
async def test_what_cannot_be_explained(
    service: Service, asked: Json, status: int, code: str
) -> None:
    response = await service.get("/v1/explain", **in_year(1995), **asked)
    assert (response.status_code, response.json()["code"]) == (status, code)
