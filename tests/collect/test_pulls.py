"""Scheduled pulls against platforms on loopback that answer as their documentation says."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import stamina
from sqlalchemy import Engine

from service.collect.identifiers import IdentifierReader
from service.collect.pulls import platforms
from service.collect.pulls.asking import PullError
from service.collect.pulls.options import PullOptions
from service.collect.pulls.run import Puller
from service.collect.spend import DIMENSIONS, subject_of
from service.kit.db import make_engine
from service.ledger.append import append
from service.ledger.migrate import migrate
from service.ledger.pulls import list_pulls, stated_spend
from tests.collect.platform_server import Answer, FakePlatform, serving

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
SECRET = "s3cr3t-of-the-platform"
TOKEN = Answer(body={"access_token": f"{SECRET}-access", "expires_in": 3599})
GOOGLE = "/v26/customers/1234567890/googleAds:searchStream"
INSIGHTS = "/v26.0/act_77/insights"
ABOUT = "/v26.0/act_77"
DIRECT = "/json/v5/reports"
SUBMIT, POLL = (f"/Reporting/v13/GenerateReport/{step}" for step in ("Submit", "Poll"))


class World:
    """One ledger, one platform, a clock that stands still, and waits that are only counted."""

    def __init__(self, engine: Engine, platform: FakePlatform) -> None:
        self.engine, self.platform = engine, platform
        self.now = NOW
        self.waits: list[float] = []
        self.puller = Puller(
            engine,
            IdentifierReader(b"a secret of the tests", None),
            lambda batch: append(engine, [batch])[0],
            lambda: self.now,
            wait=self.waits.append,
            allow_private=True,
        )

    def options(self, name: str, **more: Any) -> PullOptions:
        own: dict[str, Any] = {
            "google_ads": {"customer_id": "123-456-7890", "login_customer_id": 99},
            "meta_ads": {"account_id": "77", "access_token": SECRET},
            "yandex_direct": {"token": SECRET, "client_login": "acme", "currency": "RUB"},
            "microsoft_ads": {"account_id": "180", "customer_id": "5"},
        }[name]
        if name in ("google_ads", "microsoft_ads"):
            own |= {
                "developer_token": f"{SECRET}-dev",
                "client_id": "client",
                "client_secret": f"{SECRET}-client",
                "refresh_token": f"{SECRET}-refresh",
                "token_url": f"{self.platform.url}/token",
            }
        said = {"source": name, "platform": name, "base_url": self.platform.url, **own, **more}
        return platforms()[name].options.model_validate(said)

    def run(self, name: str, since: date | None = None, **more: Any) -> dict[str, Any]:
        receipt = self.puller.run(self.options(name, **more), since)
        assert receipt is not None
        return receipt

    def fails(self, name: str, **more: Any) -> PullError:
        with pytest.raises(PullError) as caught:
            self.run(name, **more)
        return caught.value

    def spent(self, source_id: int = 1) -> dict[tuple[str, str], int]:
        """What is stated last: (day, campaign id) → minor units."""
        said = stated_spend(self.engine, source_id, "2020-01-01", "2030-01-01")
        lines = [payload["spend"] for payload in said.values()]
        return {(s["date"], s["campaign_id"]): s["amount_minor"] for s in lines}

    @property
    def state(self) -> dict[str, Any]:
        (only,) = list_pulls(self.engine)
        return only


@contextmanager
def world_on(url: str) -> Iterator[World]:
    """A world on an empty database. Tries again within a run wait for nothing."""
    engine = make_engine(url)
    migrate(engine)
    stamina.set_testing(True, attempts=4)
    try:
        with serving() as platform:
            yield World(engine, platform)
    finally:
        stamina.set_testing(False)
        engine.dispose()


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    with world_on(database_url) as made:
        yield made


def stream(*rows: tuple[str, str, int], currency: str = "EUR") -> Answer:
    """A searchStream answer of (day, campaign id, micros) in two batches."""
    results = [
        {
            "customer": {"id": "1234567890", "currencyCode": currency, "timeZone": "Europe/Berlin"},
            "campaign": {"id": campaign, "name": f"Campaign {campaign}"},
            "metrics": {"costMicros": str(micros), "impressions": "10", "clicks": "1"},
            "segments": {"date": day},
        }
        for day, campaign, micros in rows
    ]
    return Answer(body=[{"results": results[:1]}, {"results": results[1:], "requestId": "r"}])


def page(*rows: tuple[str, str, str], after: str | None = None, **headers: str) -> Answer:
    data = [
        {"account_id": "77", "account_currency": "USD", "campaign_id": campaign, "spend": spend,
         "campaign_name": "C", "impressions": "10", "date_start": day, "date_stop": day}
        for day, campaign, spend in rows
    ]  # fmt: skip
    paging: dict[str, Any] = {"cursors": {"before": "b", "after": after or "z"}}
    if after:
        paging["next"] = f"https://graph.facebook.com/next?access_token={SECRET}"
    return Answer(body={"data": data, "paging": paging}, headers=headers)


def tsv(*rows: tuple[str, str, int], total: int | None = None) -> Answer:
    lines = ['"Throughline (2026-02-10 - 2026-03-10)"',
             "Date\tCampaignId\tCampaignName\tImpressions\tClicks\tCost"]  # fmt: skip
    lines += [f"{day}\t{campaign}\tЛето\t10\t1\t{micros}" for day, campaign, micros in rows]
    lines.append(f"Total rows: {len(rows) if total is None else total}")
    return Answer(body=("\n".join(lines) + "\n").encode())


def archive(*rows: tuple[str, str, str], announced: int | None = None) -> bytes:
    header = ("TimePeriod", "AccountId", "CampaignId", "CampaignName", "CurrencyCode",
              "Impressions", "Clicks", "Spend")  # fmt: skip
    lines = [
        '"Report Name: Throughline"',
        f'"Rows: {len(rows) if announced is None else announced}"',
    ]
    lines += ["", ",".join(f'"{name}"' for name in header)]
    lines += [f'"{d}","180","{c}","Brand","USD","10","1","{a}"' for d, c, a in rows]
    lines += ["", '"©2026 Microsoft Corporation. All rights reserved. "']
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("report.csv", "\ufeff" + "\r\n".join(lines) + "\r\n")
    return packed.getvalue()


def status(word: str, url: str | None = None) -> Answer:
    return Answer(body={"ReportRequestStatus": {"Status": word, "ReportDownloadUrl": url}})


def microsoft(world: World, *rows: tuple[str, str, str]) -> None:
    world.platform.on("/token", TOKEN)
    world.platform.on(SUBMIT, Answer(body={"ReportRequestId": "r1"}))
    world.platform.on(POLL, status("Pending"), status("Success", f"{world.platform.url}/file"))
    world.platform.on("/file", Answer(body=archive(*rows)))


def google(world: World, *rows: tuple[str, str, int]) -> None:
    world.platform.on("/token", TOKEN)
    world.platform.on(GOOGLE, stream(*rows))


def meta(world: World, *rows: tuple[str, str, str]) -> None:
    world.platform.on(ABOUT, Answer(body={"currency": "USD", "timezone_name": "Europe/Berlin"}))
    world.platform.on(INSIGHTS, page(*rows))


def direct(world: World, *rows: tuple[str, str, int]) -> None:
    world.platform.on(DIRECT, tsv(*rows))


def test_google_is_asked_as_its_documentation_says(world: World) -> None:
    google(world, ("2026-03-01", "42", 12_340_000), ("2026-03-09", "43", 5_000_000))
    receipt = world.run("google_ads", utm_source="adwords")
    assert (receipt["accepted"], receipt["rejected"]) == (2, 0)
    assert (receipt["first_day"], receipt["last_day"]) == ("2026-02-10", "2026-03-10")
    assert world.spent() == {("2026-03-01", "42"): 1234, ("2026-03-09", "43"): 500}
    (token,) = world.platform.to("/token")
    assert token.form["grant_type"] == "refresh_token"
    (asked,) = world.platform.to(GOOGLE)
    assert asked.headers["authorization"] == f"Bearer {SECRET}-access"
    assert asked.headers["developer-token"] == f"{SECRET}-dev"
    assert asked.headers["login-customer-id"] == "99"
    assert "BETWEEN '2026-02-10' AND '2026-03-10'" in asked.json["query"]
    (said, *_) = stated_spend(world.engine, 1, "2026-03-01", "2026-03-01").values()
    assert said["spend"]["source"] == "adwords"
    assert (said["spend"]["account"], said["spend"]["account_timezone"]) == (
        "1234567890",
        "Europe/Berlin",
    )
    state = world.state
    assert (state["cursor"], state["state"], state["failures"]) == ("2026-03-09", "good", 0)
    assert state["next_at"] == "2026-03-10T15:00:00Z"


def test_meta_is_read_page_by_page(world: World) -> None:
    meta(world)
    world.platform.on(
        INSIGHTS,
        page(("2026-03-01", "1", "10.00"), after="cursor-1"),
        page(("2026-03-02", "1", "20.50")),
    )
    assert world.run("meta_ads")["accepted"] == 2
    assert world.spent() == {("2026-03-01", "1"): 1000, ("2026-03-02", "1"): 2050}
    first, second = world.platform.to(INSIGHTS)
    assert first.headers["authorization"] == f"Bearer {SECRET}"
    assert "access_token" not in first.query
    assert json.loads(first.query["time_range"]) == {"since": "2026-02-10", "until": "2026-03-10"}
    assert ("after" in first.query, second.query["after"]) == (False, "cursor-1")


def test_ad_sets_of_one_name_are_one_line(world: World) -> None:
    """Also where they cost the same: a line is no duplicate of its neighbour."""
    meta(world)
    row = {"account_id": "77", "account_currency": "USD", "campaign_id": "1", "impressions": "10",
           "date_start": "2026-03-01", "date_stop": "2026-03-01", "inline_link_clicks": "2"}  # fmt: skip
    rows = [
        {**row, "adset_name": name, "spend": spend}
        for name, spend in (("Broad", "10.00"), ("Broad", "2.50"), ("Broad", "2.50"), ("Old", "1"))
    ]
    world.platform.on(INSIGHTS, Answer(body={"data": rows}))
    receipt = world.run("meta_ads", level="adset")
    assert (receipt["accepted"], receipt["rejected"]) == (2, 0)
    said = stated_spend(world.engine, 1, "2026-03-01", "2026-03-01").values()
    lines = {one["spend"]["ad_group"]: one["spend"] for one in said}
    found = {n: (s["amount_minor"], s["impressions"], s["clicks"]) for n, s in lines.items()}
    assert found == {"Broad": (1500, 30, 6), "Old": (100, 10, 2)}


def test_direct_is_asked_until_the_report_is_made(world: World) -> None:
    world.platform.on(
        DIRECT,
        Answer(201, b"", {"retryIn": "7", "reportsInQueue": "1"}),
        Answer(202, b"", {"retryIn": "900"}),
        Answer(202),
        tsv(("2026-03-01", "7", 1_200_000_000)),
    )
    assert world.run("yandex_direct", vat_rate=20)["accepted"] == 1
    assert world.waits == [7.0, 60.0, 10.0]
    (said,) = stated_spend(world.engine, 1, "2026-03-01", "2026-03-01").values()
    assert (said["spend"]["amount_minor"], said["spend"]["vat_minor"]) == (100_000, 20_000)
    asked = world.platform.to(DIRECT)
    assert len({a.body for a in asked}) == 1, "the same name asks for the same report"
    assert asked[0].json["params"]["IncludeVAT"] == "YES"
    assert asked[0].headers["client-login"] == "acme"


def test_microsoft_is_submitted_polled_and_unpacked(world: World) -> None:
    microsoft(world, ("2026-03-01", "555", "1,234.56"), ("2026-03-02", "555", "7.00"))
    assert world.run("microsoft_ads")["accepted"] == 2
    assert world.spent() == {("2026-03-01", "555"): 123_456, ("2026-03-02", "555"): 700}
    assert world.waits == [10.0]
    time = world.platform.to(SUBMIT)[0].json["ReportRequest"]["Time"]
    assert time["CustomDateRangeStart"] == {"Day": 10, "Month": 2, "Year": 2026}
    assert "authorization" not in world.platform.to("/file")[0].headers


NOTHING: dict[str, Callable[..., None]] = {
    "google_ads": google,
    "meta_ads": meta,
    "yandex_direct": direct,
    "microsoft_ads": microsoft,
}


@pytest.mark.parametrize("name", NOTHING)
def test_an_account_without_spend_is_no_failure(world: World, name: str) -> None:
    NOTHING[name](world)
    if name == "microsoft_ads":
        world.platform.on(POLL, status("Success", None))
    receipt = world.run(name)
    assert (receipt["accepted"], receipt["withdrawn"]) == (0, 0)
    assert world.state["cursor"] == "2026-03-09"


def test_the_next_run_restates_and_goes_on_from_the_cursor(world: World) -> None:
    google(world, ("2026-03-01", "42", 1_000_000), ("2026-03-09", "42", 2_000_000))
    world.run("google_ads", days=14)
    world.now += timedelta(days=2)
    google(world, ("2026-03-01", "42", 1_500_000), ("2026-03-09", "42", 2_000_000))
    receipt = world.run("google_ads", days=14)
    assert (receipt["accepted"], receipt["duplicates"]) == (1, 1)
    assert (receipt["first_day"], receipt["last_day"]) == ("2026-02-24", "2026-03-12")
    assert world.spent()[("2026-03-01", "42")] == 150
    assert world.state["cursor"] == "2026-03-11"
    again = world.run("google_ads", since=date(2026, 3, 1))
    assert (again["first_day"], again["accepted"]) == ("2026-03-01", 0)
    assert world.state["cursor"] == "2026-03-11"


def test_a_long_past_is_fetched_in_parts_and_a_failure_keeps_those_before(world: World) -> None:
    expired = {"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "expired"}}
    world.platform.on("/token", TOKEN)
    world.platform.on(GOOGLE, stream(("2026-01-05", "1", 1_000_000)), Answer(401, expired))
    options = world.options("google_ads", since="2026-01-01", days=3)
    with pytest.raises(PullError, match="expired"):
        world.puller.run(options)
    assert world.spent() == {("2026-01-05", "1"): 100}
    assert (world.state["cursor"], world.state["state"]) == ("2026-01-31", "failing")
    world.now += timedelta(days=1)
    world.platform.on(GOOGLE, stream(), stream(("2026-03-01", "1", 2_000_000)))
    receipt = world.puller.run(options)
    assert receipt is not None
    assert (receipt["first_day"], receipt["last_day"]) == ("2026-01-29", "2026-03-11")
    assert world.spent()[("2026-03-01", "1")] == 200
    assert world.state["failing_since"] is None


def test_lines_that_are_no_longer_stated_cost_nothing(world: World) -> None:
    google(world, ("2026-03-01", "1", 1_000_000), ("2026-03-01", "2", 2_000_000),
           ("2026-03-02", "2", 3_000_000))  # fmt: skip
    world.run("google_ads")
    google(world, ("2026-03-01", "1", 1_000_000))
    world.now += timedelta(hours=6)
    receipt = world.run("google_ads")
    assert receipt["withdrawn"] == 1
    # The second day is not spoken of at all: that may be a mistake, and it stays.
    assert world.spent() == {
        ("2026-03-01", "1"): 100,
        ("2026-03-01", "2"): 0,
        ("2026-03-02", "2"): 300,
    }
    world.now += timedelta(hours=6)
    assert world.run("google_ads")["withdrawn"] == 0
    google(world, ("2026-03-01", "1", 1_000_000), ("2026-03-01", "2", 2_000_000))
    world.run("google_ads")
    assert world.spent()[("2026-03-01", "2")] == 200


@pytest.mark.parametrize("name", NOTHING)
def test_two_accounts_of_one_campaign_do_not_overwrite_each_other(world: World, name: str) -> None:
    rows: dict[str, Any] = {"google_ads": 1_000_000, "yandex_direct": 1_000_000}
    NOTHING[name](world, ("2026-03-01", "1", rows.get(name, "1.00")))
    assert world.run(name)["accepted"] == 1
    (subject,) = stated_spend(world.engine, 1, "2026-03-01", "2026-03-01")
    (said,) = stated_spend(world.engine, 1, "2026-03-01", "2026-03-01").values()
    account = platforms()[name].account(world.options(name))
    assert said["spend"]["account"] == account
    dimensions = {n: said["spend"][n] for n in DIMENSIONS if n in said["spend"]}
    assert subject == subject_of("2026-03-01", dimensions, account)
    assert subject != subject_of("2026-03-01", dimensions, "another")
