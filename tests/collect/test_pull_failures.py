"""What platforms do when they do not answer as asked: nothing half is stored, and it is said why."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.collect.pulls.asking import PullError, retry_or_wait
from service.collect.pulls.options import PullOptions
from service.collect.pulls.run import MOST_DAYS, pause_after, windows
from tests.collect.platform_server import Answer
from tests.collect.test_pulls import (
    ABOUT,
    DIRECT,
    GOOGLE,
    INSIGHTS,
    NOTHING,
    POLL,
    SECRET,
    SUBMIT,
    World,
    archive,
    direct,
    google,
    meta,
    microsoft,
    page,
    status,
    stream,
    tsv,
    world_on,
)

PATHS = {
    "google_ads": GOOGLE,
    "meta_ads": INSIGHTS,
    "yandex_direct": DIRECT,
    "microsoft_ads": SUBMIT,
}
LINE: dict[str, Any] = {"google_ads": 1_000_000, "yandex_direct": 1_000_000}
OPTIONS = PullOptions(source="x", platform="x")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_on(f"sqlite:///{tmp_path / 'ledger.sqlite3'}") as made:
        yield made


def good(world: World, name: str) -> None:
    NOTHING[name](world, ("2026-03-01", "1", LINE.get(name, "1.00")))


def quota_of_google(seconds: int) -> Answer:
    failure = {
        "errorCode": {"quotaError": "RESOURCE_TEMPORARILY_EXHAUSTED"},
        "details": {"quotaErrorDetails": {"rateScope": "DEVELOPER", "retryDelay": f"{seconds}s"}},
    }
    error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow down",
             "details": [{"@type": "GoogleAdsFailure", "errors": [failure]}]}  # fmt: skip
    return Answer(429, [{"error": error}])


def graph(code: int, status: int = 400, message: str = "no", **headers: str) -> Answer:
    return Answer(status, {"error": {"code": code, "message": message}}, headers)


def direct_error(code: int, status: int = 400) -> Answer:
    error = {"error_code": code, "error_string": "no", "error_detail": "really", "request_id": "1"}
    return Answer(status, {"error": error})


def fault(code: int, status: int = 400) -> Answer:
    errors = [{"Code": code, "ErrorCode": "Name", "Message": "no"}]
    return Answer(status, {"OperationErrors": errors, "BatchErrors": [], "TrackingId": "t"})


USAGE = (
    '{"77": [{"type": "ads_insights", "call_count": 100, "estimated_time_to_regain_access": 5}]}'
)
# The platform, what it answers, the code of the failure, how often it is asked within the run.
BROKEN: dict[str, tuple[str, Answer, str, int]] = {
    "google 401": ("google_ads", Answer(401, [{"error": {"status": "UNAUTHENTICATED", "message": "x"}}]), "credentials", 1),
    "google 403 in plain words": ("google_ads", Answer(403, b"<html>no</html>"), "credentials", 1),
    "google bad query": ("google_ads", Answer(400, [{"error": {"status": "INVALID_ARGUMENT", "message": "x"}}]), "request", 1),
    "google quota for a while": ("google_ads", quota_of_google(5), "quota", 4),
    "google quota for the day": ("google_ads", quota_of_google(3_600), "quota", 1),
    "google error inside the stream": (
        "google_ads",
        Answer(200, [{"results": []}, {"error": {"status": "UNAVAILABLE", "message": "x"}}]),
        "platform_error",
        4,
    ),
    "google 503": ("google_ads", Answer(503, b"no"), "platform_error", 4),
    "google garbage": ("google_ads", Answer(200, b"<html>hello</html>"), "unreadable", 4),
    "google other fields": ("google_ads", Answer(200, [{"results": [{"campaign": {"id": 1}}]}]), "unreadable", 1),
    "google no batches": ("google_ads", Answer(200, {"hello": 1}), "unreadable", 1),
    "google body cut": ("google_ads", Answer(200, stream(("2026-03-01", "1", 1)).raw, cut=40), "unreachable", 4),
    "google deep": ("google_ads", Answer(200, b"[" * 100_000), "unreadable", 4),
    "meta expired token": ("meta_ads", graph(190), "credentials", 1),
    "meta throttled for long": ("meta_ads", graph(17, **{"x-business-use-case-usage": USAGE}), "quota", 1),
    "meta throttled": ("meta_ads", graph(80_000), "quota", 4),
    "meta passing": ("meta_ads", graph(2, 500), "platform_error", 4),
    "meta quota nearly spent": (
        "meta_ads",
        Answer(200, {"data": []}, {"x-business-use-case-usage": USAGE}),
        "quota",
        1,
    ),
    "meta no rows": ("meta_ads", Answer(200, {"data": "x"}), "unreadable", 1),
    "meta endless": ("meta_ads", page(("2026-03-01", "1", "1"), after="same"), "unreadable", 2),
    "meta 429": ("meta_ads", Answer(429, b"", {"retry-after": "3"}), "quota", 4),
    "meta bad header": ("meta_ads", graph(100, **{"x-ad-account-usage": "{broken"}), "request", 1),
    "direct token": ("yandex_direct", direct_error(53), "credentials", 1),
    "direct points": ("yandex_direct", direct_error(152), "quota", 1),
    "direct passing": ("yandex_direct", direct_error(1000, 500), "platform_error", 4),
    "direct bad request": ("yandex_direct", direct_error(8000), "request", 1),
    "direct 502": ("yandex_direct", Answer(502, b""), "platform_error", 4),
    "direct without its end": ("yandex_direct", Answer(200, b"Date\tCampaignId\tCost\n2026-03-01\t7\t0\n"), "unreadable", 1),
    "direct short of a row": ("yandex_direct", tsv(("2026-03-01", "7", 0), total=2), "unreadable", 1),
    "direct garbage": ("yandex_direct", Answer(200, b"\x00\x01garbage"), "unreadable", 1),
    "direct never ready": ("yandex_direct", Answer(202, b"", {"retryIn": "5"}), "platform_error", 60),
    "direct error under a good status": ("yandex_direct", direct_error(53, 200), "credentials", 1),
    "microsoft token": ("microsoft_ads", fault(105), "credentials", 1),
    "microsoft quota": ("microsoft_ads", fault(117), "quota", 4),
    "microsoft fault": ("microsoft_ads", fault(0, 500), "platform_error", 4),
    "microsoft no report": ("microsoft_ads", Answer(200, {}), "unreadable", 1),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_failing_platform_is_noted_and_nothing_is_stored(world: World, case: str) -> None:
    name, answer, code, times = BROKEN[case]
    good(world, name)
    world.platform.on(PATHS[name], answer)
    error = world.fails(name)
    assert error.code == code, error.detail
    assert len(world.platform.to(PATHS[name])) == times
    assert world.spent() == {}
    state = world.state
    assert (state["state"], state["failures"], state["cursor"]) == ("failing", 1, None)
    assert state["failing_since"] == "2026-03-10T09:00:00Z"
    assert state["last_error"].startswith(f"{code}: ")
    good(world, name)
    assert world.run(name)["accepted"] == 1
    assert (world.state["state"], world.state["last_error"]) == ("good", None)


@pytest.mark.parametrize(
    ("answer", "code", "times"),
    [
        (Answer(400, {"error": "invalid_grant", "error_description": "Token expired"}), "credentials", 1),
        (Answer(200, {"token_type": "Bearer"}), "unreadable", 1),
        (Answer(500, {"error": "server"}), "platform_error", 4),
    ],
)  # fmt: skip
def test_a_refresh_token_that_is_not_taken(
    world: World, answer: Answer, code: str, times: int
) -> None:
    google(world)
    world.platform.on("/token", answer)
    assert world.fails("google_ads").code == code
    assert len(world.platform.to("/token")) == times


@pytest.mark.parametrize(
    ("polled", "file", "code"),
    [
        (status("Error"), b"", "platform_error"),
        (Answer(200, {"ReportRequestStatus": None}), b"", "unreadable"),
        (status("Pending"), b"", "platform_error"),
        (None, b"PK\x03\x04 no archive", "unreadable"),
        (None, archive(("2026-03-01", "1", "1"))[:-60], "unreadable"),
        (None, archive(("2026-03-01", "1", "1"), announced=2), "unreadable"),
    ],
)
def test_a_report_of_microsoft_that_does_not_come(
    world: World, polled: Answer | None, file: bytes, code: str
) -> None:
    microsoft(world)
    world.platform.on(POLL, polled or status("Success", f"{world.platform.url}/file"))
    world.platform.on("/file", Answer(200, file))
    assert world.fails("microsoft_ads").code == code
    assert world.spent() == {}


def test_what_passes_is_tried_again_within_the_run(world: World) -> None:
    google(world)
    world.platform.on(
        GOOGLE, Answer(503), quota_of_google(1), Answer(200, b"{"), stream(("2026-03-01", "1", 10_000))
    )  # fmt: skip
    assert world.run("google_ads")["accepted"] == 1
    assert len(world.platform.to(GOOGLE)) == 4


def test_a_page_that_fails_leaves_the_pages_before_out(world: World) -> None:
    meta(world)
    world.platform.on(INSIGHTS, page(("2026-03-01", "1", "1"), after="c"), graph(190))
    assert world.fails("meta_ads").code == "credentials"
    assert world.spent() == {}


@pytest.mark.parametrize("name", ["google_ads", "meta_ads", "microsoft_ads"])
def test_another_currency_than_expected_is_not_stored(world: World, name: str) -> None:
    good(world, name)
    error = world.fails(name, currency="GBP")
    assert (error.code, "GBP" in error.detail) == ("currency", True)
    assert world.spent() == {}


def test_two_currencies_of_one_account(world: World) -> None:
    google(world)
    mixed = [
        *stream(("2026-03-01", "1", 1)).body,
        *stream(("2026-03-01", "2", 1), currency="USD").body,
    ]
    world.platform.on(GOOGLE, Answer(200, mixed))
    assert world.fails("google_ads").code == "currency"


def test_direct_needs_its_currency_said(world: World) -> None:
    direct(world)
    assert world.fails("yandex_direct", currency="").code == "request"


def test_too_much_at_once_is_asked_for_in_halves(world: World) -> None:
    meta(world)
    refused = graph(1, 500, "Please reduce the amount of data you're asking for")
    world.platform.on(
        INSIGHTS, refused, page(("2026-02-12", "1", "1")), page(("2026-03-05", "1", "2"))
    )
    assert world.run("meta_ads")["accepted"] == 2
    ranges = [a.query["time_range"] for a in world.platform.to(INSIGHTS)]
    assert ranges == [
        '{"since": "2026-02-10", "until": "2026-03-10"}',
        '{"since": "2026-02-10", "until": "2026-02-24"}',
        '{"since": "2026-02-25", "until": "2026-03-10"}',
    ]


def test_lines_nobody_asked_for_are_not_stored(world: World) -> None:
    google(world, ("2019-03-01", "1", 1_000_000))
    assert world.fails("google_ads").code == "unreadable"
    assert world.spent() == {}


def test_secrets_are_neither_told_nor_shown(world: World) -> None:
    google(world)
    said = f"bad token {SECRET}-refresh, {SECRET}-access, {SECRET}-dev"
    world.platform.on(GOOGLE, Answer(400, [{"error": {"status": "INVALID", "message": said}}]))
    error = world.fails("google_ads")
    assert "bad token" in error.detail
    assert SECRET not in error.detail
    assert SECRET not in world.state["last_error"]
    assert SECRET not in repr(world.options("google_ads"))


def test_an_address_inside_is_refused_unless_the_deployment_allows_it(world: World) -> None:
    google(world)
    world.puller = replace(world.puller, allow_private=False)
    assert world.fails("google_ads").code == "request"
    assert world.platform.asked == []


def test_a_mistake_of_ours_is_a_failure_like_any_other(world: World) -> None:
    google(world, ("2026-03-01", "1", 1_000_000))

    def broken(batch: Any) -> Any:
        raise KeyError("gone")

    world.puller = replace(world.puller, submit=broken)
    assert world.fails("google_ads").code == "unexpected"
    assert world.state["last_error"] == "unexpected: the run ended with KeyError"


@pytest.mark.parametrize("header", ["3600", "Tue, 10 Mar 2026 10:00:00 GMT"])
def test_the_next_run_waits_as_long_as_the_platform_asks(world: World, header: str) -> None:
    meta(world)
    dated = {"retry-after": header}
    world.platform.on(ABOUT, Answer(429, b"", dated))
    world.fails("meta_ads")
    due = datetime.fromisoformat(world.state["next_at"])
    assert due >= world.now + timedelta(minutes=1)
    if header == "3600":
        assert due == world.now + timedelta(hours=1)


@given(st.integers(0, 1000), st.floats(0, 1), st.booleans(), st.sampled_from([None, 5.0, 90_000.0]))
def test_pauses_grow_and_stay_in_bounds(
    failures: int, chance: float, again: bool, asked: float | None
) -> None:
    every = timedelta(hours=6)
    error = PullError("x", "x", again=again, retry_after=asked)
    pause = pause_after(every, failures, error, chance)
    assert pause >= timedelta(seconds=asked or 0)
    assert timedelta(minutes=1) <= pause <= max(every * 5 / 4, timedelta(seconds=asked or 0))
    assert pause_after(every, failures + 1, error, chance) >= pause
    if not again:
        assert pause == max(every, timedelta(seconds=asked or 0))


def test_what_is_tried_again_within_a_run() -> None:
    assert retry_or_wait(ValueError()) is False
    assert retry_or_wait(PullError("x", "x")) is False
    assert retry_or_wait(PullError("x", "x", again=True)) is True
    assert retry_or_wait(PullError("x", "x", again=True, retry_after=7.0)) == 7.0
    assert retry_or_wait(PullError("x", "x", again=True, retry_after=61.0)) is False


@given(
    st.none() | st.dates(date(2024, 1, 1), date(2026, 3, 9)),
    st.integers(1, 366),
    st.none() | st.dates(date(2024, 1, 1), date(2026, 3, 20)),
)
def test_windows_cover_every_day_from_the_cursor_once(
    cursor: date | None, days: int, since: date | None
) -> None:
    today = datetime(2026, 3, 10, tzinfo=UTC).date()
    options = OPTIONS.model_copy(update={"days": days})
    found = windows(options, cursor and cursor.isoformat(), today, since)
    covered = [
        first + timedelta(days=n) for first, last in found for n in range((last - first).days + 1)
    ]
    start = since or (cursor or today - timedelta(days=1)) - timedelta(days=days - 1)
    assert covered == [start + timedelta(days=n) for n in range((today - start).days + 1)]
    assert all((last - first).days < MOST_DAYS for first, last in found)
