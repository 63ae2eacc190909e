"""How sure the models are, asked for over HTTP. Every test lives in a year of its own."""

import pytest

from tests.api.harness import Json, Service, by, order, touch, unique

pytestmark = pytest.mark.anyio
FIGURES = ("conversions", "value", "share")


def in_year(year: int) -> Json:
    return {"from_": f"{year}-01-01", "to": f"{year + 1}-01-01"}


def journeys(year: int, people: int) -> list[Json]:
    """Each person: paid search, then e-mail, then an order of 100."""
    told = []
    for _ in range(people):
        who = unique("visitor")
        told += [
            touch(who, f"{year}-03-01T10:00:00Z", "google/cpc"),
            touch(who, f"{year}-03-02T10:00:00Z", "newsletter/email"),
            order(who, f"{year}-03-03T10:00:00Z"),
        ]
    return told


async def spend(service: Service, year: int, amount: str, source: str = "google") -> None:
    line = {
        "date": f"{year}-03-01",
        "source": source,
        "medium": "cpc",
        "amount": amount,
        "currency": "EUR",
    }
    await service.tell(line, path="/v1/spend")


async def test_compare_gives_each_model_with_its_interval(service: Service) -> None:
    await service.tell(*journeys(2011, 30))
    await spend(service, 2011, "1000.00")
    asked = {"model": "first_touch,last_touch,linear", **in_year(2011)}
    answer = await service.ask("/v1/models/compare", **asked)
    rows = by(answer["rows"], "channel")
    search, email = rows["paid_search"], rows["email"]
    assert search["spend"] == 1000
    assert search["models"]["first_touch"]["value"] == 3000
    assert search["models"]["first_touch"]["roi"] == 2
    assert search["models"]["last_touch"]["roi"] == -1
    assert search["models"]["last_touch"]["interval"] == {
        "conversions": [0, 0], "value": [0, 0], "share": [0, 0], "cpa": None, "roas": [0, 0], "roi": [-1, -1]
    }  # fmt: skip
    assert search["models"]["first_touch"]["interval"]["share"] == [1, 1]
    assert search["verdict"] == "depends_on_the_model"
    assert search["because"]["reason"] == "roi_changes_sign"
    assert email["because"]["reason"] == "intervals_apart"
    assert email["disagreement"] == {"lowest": 0, "highest": 1, "range": 1}
    for row in answer["rows"]:
        for cell in row["models"].values():
            low, high = cell["interval"]["conversions"]
            assert low <= cell["conversions"] <= high
    again = await service.get("/v1/models/compare", **asked)
    service.parts.desk.forget()
    assert (await service.get("/v1/models/compare", **asked)).content == again.content


async def test_spend_without_credit_is_shown(service: Service) -> None:
    await service.tell(*journeys(2012, 1))
    await spend(service, 2012, "50.00", "bing")
    answer = await service.ask("/v1/models/compare", group_by="source", **in_year(2012))
    row = by(answer["rows"], "source")["bing"]
    assert row["verdict"] == "too_few_conversions"
    assert row["models"]["linear"]["roi"] == -1
    assert list(row["models"])[:6] == [
        "first_touch", "last_touch", "last_non_direct", "linear", "position_based", "time_decay"
    ]  # fmt: skip


async def test_intervals_change_nothing_else(service: Service) -> None:
    await service.tell(*journeys(2013, 5), order(None, "2013-04-01T00:00:00Z", "70.00"))
    await spend(service, 2013, "50.00", "bing")
    for path in ("/v1/attribution", "/v1/roi"):
        asked = {"model": "linear", "group_by": "source", **in_year(2013)}
        plain = await service.ask(path, **asked)
        sure = await service.ask(path, intervals="true", **asked)
        assert sure.pop("uncertainty")["draws"] == 1000
        for row in sure["rows"]:
            interval = row.pop("interval")
            assert interval["conversions"][0] <= row["conversions"] <= interval["conversions"][1]
            if path == "/v1/roi" and row["source"] == "bing":
                assert interval["roi"] == [-1, -1]
                assert interval["cac"] is None
        assert sure == plain


async def test_intervals_of_several_models(service: Service) -> None:
    await service.tell(*journeys(2014, 3))
    models = "first_touch,linear"
    answer = await service.ask("/v1/attribution", model=models, intervals="true", **in_year(2014))
    cells = by(answer["rows"], "channel")["email"]["models"]
    assert cells["first_touch"]["interval"] == {
        "conversions": [0, 0], "value": [0, 0], "share": [0, 0]
    }  # fmt: skip
    assert cells["linear"]["interval"]["share"] == [0.5, 0.5]


async def test_groups_do_not_depend_on_the_order_of_arrival(
    service: Service, fresh: Service
) -> None:
    told = journeys(2015, 12)
    await service.tell(*told)
    await fresh.tell(*reversed(told))
    asked = {"intervals": "true", "model": "first_touch,linear", **in_year(2015)}
    answers = [await s.ask("/v1/attribution", **asked) for s in (service, fresh)]
    assert answers[0]["rows"] == answers[1]["rows"]


async def test_tables_have_the_ends_apart(service: Service) -> None:
    await service.tell(*journeys(2016, 2))
    await service.ask("/v1/models/compare", **in_year(2016))
    head = (await service.get("/v1/models/compare.csv", **in_year(2016))).text.splitlines()[0]
    assert '"linear.interval.share.low","linear.interval.share.high"' in head


@pytest.mark.parametrize(
    ("path", "asked", "code"),
    [
        ("/v1/models/compare", {"model": "linear"}, "too_few_models"),
        ("/v1/attribution", {"intervals": "yes"}, "unknown_value"),
    ],
)
async def test_refusals(service: Service, path: str, asked: Json, code: str) -> None:
    answer = await service.get(path, **asked)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
