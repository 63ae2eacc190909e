"""Quarantined items end once, and every count is what the ledger holds, at all times."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from service.kit.errors import Conflict, NotFound, Refusal
from service.kit.time import from_micros
from service.ledger.append import Batch, RefusedRequest
from service.ledger.counting import HOUR, KEPT
from service.ledger.intake import list_sources
from service.ledger.quarantine import (
    append_replayed,
    count_open,
    dismiss_quarantined,
    find_quarantined,
    list_quarantine,
    open_ids,
)
from service.ledger.tables import TABLES
from service.ledger.writer import Writer
from tests.ledger.samples import AT, NOW, PATIENCE_SECONDS, Ledger, empty

LATER = NOW + timedelta(days=2)


def quarantined(ledger: Ledger, code: str = "bad_url", source: int | None = None) -> int:
    """The id of a new item."""
    ledger.append(Batch([], [ledger.refused(code, source)]))
    return int(ledger.rows("id", "quarantine")[-1][0])


def outcomes(ledger: Ledger) -> list[dict[str, int]]:
    return [source["outcomes"] for source in list_sources(ledger.engine, NOW)]


def test_a_replay_moves_the_count(ledger: Ledger) -> None:
    item = quarantined(ledger)
    assert outcomes(ledger) == [{"bad_url": 1}, {}]
    receipt = append_replayed(ledger.engine, item, [ledger.fact("e1=x")], LATER)
    assert (receipt.accepted, receipt.duplicates) == (1, 0)
    assert outcomes(ledger) == [{"accepted": 1}, {}]
    found = find_quarantined(ledger.engine, item)
    assert (found["outcome"], found["replayed_at"]) == ("accepted", "2026-03-03T10:00:00Z")
    again = append_replayed(ledger.engine, item, [ledger.fact("e1=x")], LATER)
    assert (again.accepted, again.duplicates) == (0, 0)
    assert outcomes(ledger) == [{"accepted": 1}, {}]
    # When it arrived is history; that it was replayed changes no rate.
    assert ledger.rows("outcome, count", "intake_hours") == [("bad_url", 1)]


def test_what_was_there_already_is_a_duplicate(ledger: Ledger) -> None:
    item = quarantined(ledger)
    ledger.append(ledger.facts("e1=x"))
    append_replayed(ledger.engine, item, [ledger.fact("e1=x")], LATER)
    assert outcomes(ledger)[0] == {"accepted": 1, "duplicate": 1}
    assert find_quarantined(ledger.engine, item)["outcome"] == "duplicate"


def test_all_facts_of_an_item_or_none(ledger: Ledger) -> None:
    item = quarantined(ledger)
    ledger.append(ledger.facts("e1=x"))
    with pytest.raises(Refusal) as refused:
        append_replayed(ledger.engine, item, [ledger.fact("e2=x"), ledger.fact("e1=other")], LATER)
    assert refused.value.code == "conflict"
    assert [row[0] for row in ledger.rows()] == ["e1"]
    assert outcomes(ledger)[0] == {"accepted": 1, "bad_url": 1}
    assert open_ids(ledger.engine, 9) == [item]


def test_a_dismissed_item_may_still_be_replayed(ledger: Ledger) -> None:
    item = quarantined(ledger)
    for _ in range(2):
        dismiss_quarantined(ledger.engine, item, NOW)
        assert outcomes(ledger)[0] == {"dismissed": 1}
    assert open_ids(ledger.engine, 9) == []
    append_replayed(ledger.engine, item, [ledger.fact("e1=x")], LATER)
    assert outcomes(ledger)[0] == {"accepted": 1}
    with pytest.raises(Conflict) as refused:
        dismiss_quarantined(ledger.engine, item, NOW)
    assert refused.value.code == "quarantine_ended"


def test_there_is_no_such_item(ledger: Ledger) -> None:
    for do in (
        lambda: find_quarantined(ledger.engine, 7),
        lambda: dismiss_quarantined(ledger.engine, 7, NOW),
        lambda: append_replayed(ledger.engine, 7, [], NOW),
    ):
        with pytest.raises(NotFound):
            do()


def test_open_and_ended_items(ledger: Ledger) -> None:
    first, second = quarantined(ledger), quarantined(ledger, "conflict", ledger.crm)
    dismiss_quarantined(ledger.engine, first, NOW)
    listed = {
        state: [i["id"] for i in list_quarantine(ledger.engine, 9, state=state)["items"]]
        for state in ("open", "ended", "all")
    }
    assert listed == {"open": [second], "ended": [first], "all": [second, first]}
    assert count_open(ledger.engine) == {("crm", "conflict"): 1}


def test_flags_count_what_was_accepted_once(ledger: Ledger) -> None:
    bot = ledger.fact("e1=x", flags=("bot", "consent_denied"))
    ledger.append(Batch([bot, ledger.fact("e2=x")]))
    ledger.append(Batch([bot, ledger.fact("e3=x", flags=("bot",))]))
    (web, _) = list_sources(ledger.engine, NOW)
    assert web["outcomes"] == {"accepted": 3, "duplicate": 1}
    assert web["received"] == 4
    assert web["flagged"] == {"bot": 2, "consent_denied": 1}


def test_a_request_refused_as_a_whole_is_counted_apart(ledger: Ledger) -> None:
    for _ in range(2):
        ledger.append(Batch((), (), RefusedRequest(ledger.web, "malformed_json", AT)))
    (web, _) = list_sources(ledger.engine, NOW)
    assert web["refused_requests"] == {"malformed_json": 2}
    assert (web["received"], web["outcomes"], web["last_at"]) == (0, {}, None)


def test_rates_and_freshness(ledger: Ledger) -> None:
    for hours, name in ((30, "old"), (23, "first"), (1, "before"), (0, "now"), (0, "too")):
        at = AT - hours * HOUR
        fact = ledger.fact(f"{name}=x", at=at - 5, received_at=at + HOUR // 2)
        ledger.append(Batch([fact]))
    (web, crm) = list_sources(ledger.engine, from_micros(AT + HOUR - 1))
    assert web["per_hour"] == [1] + [0] * 21 + [1, 2]
    assert web["rate"] == round(4 / 24, 6)
    assert web["last_at"] == from_micros(AT + HOUR // 2)
    assert web["newest_at"] == from_micros(AT - 5)
    assert (crm["per_hour"], crm["rate"], crm["newest_at"]) == ([0] * 24, 0, None)


def test_a_pull_is_told(ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(
            TABLES["pulls"]
            .insert()
            .values(source_id=ledger.crm, platform="google_ads", cursor="2026-02-28",
                    next_at=LATER, failing_since=NOW, failures=3, last_error="401")
        )  # fmt: skip
    (web, crm) = list_sources(ledger.engine, NOW)
    with ledger.engine.begin() as connection:
        connection.execute(text("DELETE FROM pulls"))
    assert web["pull"] is None
    assert crm["pull"] == {
        "platform": "google_ads",
        "complete_to": "2026-02-28",
        "next_at": LATER,
        "succeeded_at": None,
        "failing_since": NOW,
        "failures": 3,
        "last_error": "401",
    }


def test_old_hours_are_forgotten(ledger: Ledger) -> None:
    writer = Writer(ledger.engine, 10, 5)
    writer.start()
    for name, at in (("a", AT), ("b", AT + KEPT), ("c", AT + KEPT + 2 * HOUR)):
        writer.submit(Batch([ledger.fact(f"{name}=x", received_at=at)])).result(PATIENCE_SECONDS)
    writer.stop()
    hours = [int(hour) for hour, _ in ledger.rows("hour, count", "intake_hours")]
    assert hours == [AT + KEPT, AT + KEPT + 2 * HOUR]
    assert list_sources(ledger.engine, NOW)[0]["outcomes"] == {"accepted": 3}


# What happens: a source sends items (an id with a content, or one that is refused), or an operator
# replays or dismisses whatever item there is at a place.
item = st.tuples(st.sampled_from(("e1", "e2", "e3")), st.sampled_from(("x", "y", None)))
sent = st.tuples(st.just("send"), st.booleans(), st.lists(item, max_size=4))
ended = st.tuples(st.sampled_from(("replay", "dismiss")), st.integers(0, 9), item)


@pytest.mark.parametrize(
    ("database", "examples"),
    [
        pytest.param("sqlite_ledger", 60, id="sqlite"),
        pytest.param("postgres_ledger", 30, id="postgres", marks=pytest.mark.postgres),
    ],
)
def test_received_is_accepted_and_duplicates_and_refused(
    request: pytest.FixtureRequest, database: str, examples: int
) -> None:
    engine: Engine = request.getfixturevalue(database)

    @settings(max_examples=examples)
    @given(st.lists(st.one_of(sent, ended), max_size=8))
    def law(steps: list[tuple]) -> None:  # type: ignore[type-arg]
        empty(engine)
        ledger = Ledger(engine, NOW)
        received: Counter[int] = Counter()
        for step in steps:
            if step[0] == "send":
                source = ledger.crm if step[1] else ledger.web
                facts = [ledger.fact(f"{i}={c}", source) for i, c in step[2] if c is not None]
                bad = [ledger.refused("bad_url", source) for _, c in step[2] if c is None]
                ledger.append(Batch(facts, bad))
                received[source] += len(step[2])
            else:
                _end(ledger, *step)
            _check(ledger, received)

    law()


def _end(ledger: Ledger, how: str, place: int, said: tuple[str, str | None]) -> None:
    rows = ledger.rows("id, source_id", "quarantine")
    if not rows:
        return
    item_id, source = rows[place % len(rows)]
    try:
        if how == "dismiss":
            dismiss_quarantined(ledger.engine, item_id, NOW)
        else:
            fact = ledger.fact(f"{said[0]}={said[1] or 'x'}", source)
            append_replayed(ledger.engine, item_id, [fact], NOW)
    except (Conflict, Refusal):
        pass


def _check(ledger: Ledger, received: Counter[int]) -> None:
    facts = Counter(source for (source,) in ledger.rows("source_id"))
    waiting: Counter[tuple[int, str]] = Counter()
    for source, code, outcome in ledger.rows("source_id, code, outcome", "quarantine"):
        waiting[source, outcome or code] += 1
    for source in list_sources(ledger.engine, NOW):
        told = source["outcomes"]
        assert source["received"] == sum(told.values()) == received[source["id"]]
        assert told.get("accepted", 0) == facts[source["id"]]
        assert all(count > 0 for count in told.values())
        refused = {c: n for c, n in told.items() if c not in ("accepted", "duplicate")}
        assert refused == {
            c: n
            for (s, c), n in waiting.items()
            if s == source["id"] and c not in ("accepted", "duplicate")
        }
