"""Many at once: each event counts once, and every answer adds up while facts come in."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from service.journeys.mart import Mart
from service.reports import lift_tests
from tests.api.harness import Json, Service, order, running, touch, unique

pytestmark = pytest.mark.anyio
POSTERS = 8
ZONES = ("UTC", "Europe/Berlin", "Asia/Tokyo", "America/New_York")
CHANNELS = ("google/cpc", "newsletter/email", "facebook/cpc", None)


def journeys(count: int) -> list[list[Json]]:
    """So many people, each with two touches and an order of 1.00, in one batch each."""
    found = []
    for number in range(count):
        who = unique("visitor")
        found.append(
            [
                touch(who, "2026-03-01T10:00:00Z", CHANNELS[number % 4]),
                touch(who, "2026-03-02T10:00:00Z", CHANNELS[number % 3]),
                order(who, "2026-03-03T10:00:00Z", "1.00"),
            ]
        )
    return found


async def post_all(service: Service, batches: list[list[Json]]) -> list[Json]:
    receipts = []
    for batch in batches:
        response = await service.post(batch)
        assert response.status_code in (200, 202), response.text
        receipts.append(response.json())
    return receipts


def rounds(batches: list[list[Json]]) -> list[list[list[Json]]]:
    """For each poster all batches, each beginning at another place."""
    step = len(batches) // POSTERS
    return [batches[n * step :] + batches[: n * step] for n in range(POSTERS)]


async def test_eight_posters_of_the_same_events(either: Service) -> None:
    batches = journeys(24)
    answers = await asyncio.gather(*(post_all(either, turn) for turn in rounds(batches)))
    receipts = [receipt for turn in answers for receipt in turn]
    events = sum(map(len, batches))
    assert sum(r["accepted"] for r in receipts) == events
    assert sum(r["duplicates"] for r in receipts) == (POSTERS - 1) * events
    assert [r["rejected"] for r in receipts if r["rejected"]] == []
    answer = await either.ask("/v1/attribution", model="linear")
    assert answer["totals"] == {"conversions": 24, "value": 24}
    assert answer["meta"]["watermark"] == events


async def test_two_services_on_one_database(postgres_database: str, tmp_path: Path) -> None:
    async with (
        running(tmp_path / "one", postgres_database) as one,
        running(tmp_path / "two", postgres_database) as two,
    ):
        batches = journeys(24)
        answers = await asyncio.gather(
            *(post_all((one, two)[n % 2], turn) for n, turn in enumerate(rounds(batches)))
        )
        receipts = [receipt for turn in answers for receipt in turn]
        events = sum(map(len, batches))
        assert sum(r["accepted"] for r in receipts) == events
        assert sum(r["accepted"] + r["duplicates"] for r in receipts) == POSTERS * events
        # What one of them took in the other answers with, too.
        watermark = max(one.watermark, two.watermark)
        for service in (one, two):
            service.watermark = watermark
            answer = await service.ask("/v1/attribution")
            assert answer["totals"] == {"conversions": 24, "value": 24}


def adds_up(answer: Json, names: tuple[str, ...]) -> bool:
    rows = [*answer["rows"], answer["unattributed"]]
    return all(round(sum(r[n] for r in rows), 6) == answer["totals"][n] for n in names)


async def test_answers_add_up_while_facts_come_in(fresh: Service) -> None:
    done = asyncio.Event()
    watermarks: list[int] = []

    async def write() -> None:
        try:
            for batch in journeys(40):
                await fresh.post(batch)
        finally:
            done.set()

    async def read(path: str, names: tuple[str, ...]) -> None:
        while not done.is_set():
            response = await fresh.get(path, model="linear")
            assert response.status_code == 200, response.text
            answer: Any = response.json()
            assert adds_up(answer, names), answer
            # Every sale is of one euro: a state between two facts would show.
            assert answer["totals"][names[0]] == answer["totals"][names[1]]
            watermarks.append(answer["meta"]["watermark"])

    await asyncio.gather(
        write(),
        read("/v1/attribution", ("conversions", "value")),
        read("/v1/roi", ("won", "revenue")),
        read("/v1/attribution", ("conversions", "value")),
    )
    assert (await fresh.ask("/v1/attribution"))["totals"]["value"] == 40
    assert len(watermarks) > 3


async def test_a_batch_is_seen_whole_or_not_at_all(fresh: Service) -> None:
    batches = journeys(30)

    async def see() -> set[int]:
        seen = set()
        for _ in range(40):
            seen.add((await fresh.get("/v1/attribution")).json()["meta"]["watermark"])
        return seen

    seen, _ = await asyncio.gather(see(), post_all(fresh, batches))
    assert {watermark % 3 for watermark in seen} == {0}


async def test_readers_of_one_earlier_moment_make_its_mart_once(
    fresh: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each holds everything once more, in memory."""
    await post_all(fresh, journeys(4))
    await fresh.ask("/v1/roi")
    desk, made = fresh.parts.desk, []

    def make() -> Mart:
        made.append(mart := real())
        time.sleep(0.05)
        return mart

    real = desk._marts._make
    monkeypatch.setattr(desk._marts, "_make", make)
    questions = (fresh.ask("/v1/roi", as_of=fresh.watermark - 1, tz=zone) for zone in ZONES)
    await asyncio.gather(*questions)
    assert len(made) == 1


@pytest.mark.parametrize("alike", [True, False], ids=["the same", "another"])
async def test_of_two_who_state_one_lift_test_at_once_the_second_is_told_so(
    either: Service, monkeypatch: pytest.MonkeyPatch, alike: bool
) -> None:
    """Both have seen that the id is free before either writes."""
    path, both = "/v1/lift-tests", threading.Barrier(2, timeout=20)
    test = {
        "id": "t-1", "channel": "email", "from": "2026-01-01", "to": "2026-02-01",
        "incremental_conversions": 3, "standard_error": 1,
    }  # fmt: skip
    other = test if alike else {**test, "incremental_conversions": 4}
    read = lift_tests.read_setting

    def read_together(*given: Any) -> Any:
        seen = read(*given)
        both.wait()
        return seen

    with monkeypatch.context() as patch:
        patch.setattr(lift_tests, "read_setting", read_together)
        answers = await asyncio.gather(*(either.post(each, path) for each in (test, other)))
    made, refused = sorted(answers, key=lambda answer: answer.status_code)
    assert (made.status_code, refused.status_code) == (201, 409)
    assert (await either.get(path)).json()["items"] == [made.json()]
    # To the letter what a second one hears that comes afterwards.
    later = await either.post(other, path)
    assert (refused.status_code, refused.json()) == (later.status_code, later.json())

    with monkeypatch.context() as patch:
        patch.setattr(lift_tests, "read_setting", read_together)
        headers = either.bearer("admin")
        ended = await asyncio.gather(
            *(either.client.delete(f"{path}/t-1", headers=headers) for _ in range(2))
        )
    assert sorted(answer.status_code for answer in ended) == [204, 404]
