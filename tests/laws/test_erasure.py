"""A person who was erased is nowhere, does not come back, and no number has changed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from hypothesis import strategies as st
from sqlalchemy import text

from service.attribution.models import parse_models
from service.kit.time import Period
from service.ledger.erasure import erase
from service.reports.desk import ReportDesk
from service.reports.erasure import person_to_erase
from service.reports.question import Question
from tests.laws.laws import law
from tests.laws.ledgers import FIRST_ARRIVAL, RATE_DAYS, READER, Ledger, whole_dump
from tests.laws.worlds import ANONYMOUS, NAMED, World, deliveries, worlds

YEAR = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), ZoneInfo("UTC"))
QUESTION = Question(
    YEAR, models=parse_models("position_based,linear,markov"), group_by=("channel", "month")
)
LATER = FIRST_ARRIVAL + timedelta(days=30)
TOWN = "0"
SENT = ("facts", "payload"), ("facts", "fact_id"), ("quarantine", "raw")


def _numbers(desk: ReportDesk, question: Question) -> bytes:
    """What reports say of a moment, without the names of people, which are new."""
    journeys: Any = orjson.loads(orjson.dumps(desk.journeys(question, 200)))
    for item in journeys["items"]:
        item.pop("person_id", None)
    found: list[Any] = [
        desk.attribution(question),
        desk.attribution(replace(question, scope="account")),
        desk.roi(question),
        desk.paths(question),
        desk.funnel(replace(question, group_by=("channel",))),
        desk.spend(question),
        desk.maturity(replace(question, group_by=("channel",)), "day"),
        journeys,
    ]
    return orjson.dumps(found)


def _apart(world: World) -> World:
    """No two at one instant: different people stand then in the order of public ids, which are new."""
    return [
        said | {"occurred_at": _later(said["occurred_at"], place)}
        if "occurred_at" in said
        else said
        for place, said in enumerate(world)
    ]


def _later(moment: str, microseconds: int) -> str:
    return (datetime.fromisoformat(moment) + timedelta(microseconds=microseconds)).isoformat()


def _arrive(ledger: Ledger, plan: list[tuple[World, bool]]) -> None:
    for statements, _ in plan:
        ledger.send(statements)


def _named(ledger: Ledger, identifiers: frozenset[str]) -> list[str]:
    """What the ledger holds that names one of the identifiers."""
    with ledger.engine.connect() as connection:
        held = [
            said
            for table, column in SENT
            for said in connection.execute(text(f"SELECT {column} FROM {table}")).scalars()
        ]
    return [said for said in held if any(f'"{name}"' in said for name in identifiers)]


@law(sqlite=6, postgres=2)
def test_an_erasure_changes_no_number(ledger: Ledger, data: st.DataObject) -> None:
    """Now, as of any moment before, in any order of arrival, whoever it is."""
    plan = data.draw(deliveries(_apart(data.draw(worlds()))))
    _arrive(ledger, plan)
    last = ledger.last_seq()
    # Seqs go on rising from world to world, lengths do not.
    then = last - data.draw(st.integers(0, last - ledger.first_seq()))
    part = data.draw(st.sampled_from(NAMED + ANONYMOUS))
    mart = ledger.mart()
    mart.refresh()
    desk = ReportDesk(mart, ledger.engine, RATE_DAYS, ledger.mart)
    asked = [replace(QUESTION, as_of=moment) for moment in (then, last)]
    expected = [_numbers(desk, question) for question in asked]
    given = {kind: value.replace("~", TOWN) for kind, value in part.items()}
    person = person_to_erase(mart, READER, given)
    receipt = erase(ledger.engine, person, LATER, "law")
    assert mart.refresh() == receipt["seq"] > last
    assert [_numbers(desk, question) for question in asked] == expected
    assert _named(ledger, person.identifiers) == []
    again = erase(ledger.engine, person_to_erase(mart, READER, given), LATER, "law")
    assert (again["facts"], again["quarantined"]) == (0, 0)
    # Everything once more: whoever is erased is refused, all else is known already.
    _arrive(ledger, plan)
    assert ledger.last_seq() == again["seq"]
    assert _named(ledger, person.identifiers) == []
    # What was followed through the erasure is what a rebuild makes.
    mart.refresh()
    rebuilt = ledger.rebuilt()
    assert whole_dump(mart) == whole_dump(rebuilt)
    rebuilt.close()
    mart.close()
