"""The mart says what a plain program says, statement by statement."""

from typing import Any

from hypothesis import strategies as st

from tests.laws import oracle
from tests.laws.laws import law
from tests.laws.ledgers import Ledger, public_dump
from tests.laws.worlds import worlds

Row = tuple[Any, ...]


@law(sqlite=12, postgres=2)
def test_people_visits_journeys_and_conversions(ledger: Ledger, data: st.DataObject) -> None:
    world = data.draw(worlds())
    ledger.send(world)
    mart = ledger.rebuilt()
    dump = public_dump(mart)
    mart.close()
    people = oracle.people_of(world)
    contacts = oracle.contacts_of(world, people)
    conversions = oracle.conversions_of(world, people)
    assert {row[3]: row[0] for row in dump["people"]} == people.person_of
    assert _touchpoints(dump["touchpoints"]) == sorted(
        (person, n, c[0], *c[3:]) for person, own in contacts.items() for n, c in enumerate(own, 1)
    )
    assert sorted((row[0], row[4], row[-2], row[-1]) for row in dump["conversions"]) == sorted(
        ((c.conversion_id, c.occurred_at, c.state, c.person) for c in conversions.values()),
    )
    assert {row[0]: row[8:11] for row in dump["conversions"]} == {
        c.conversion_id: c.lead_stages for c in conversions.values()
    }
    assert sorted(dump["conversion_people"]) == sorted(
        (c.conversion_id, person) for c in conversions.values() for person in c.people
    )
    assert sorted(row[:5] for row in dump["conversion_amounts"]) == sorted(
        (c.conversion_id, *part) for c in conversions.values() for part in c.amounts
    )
    assert _journeys(dump["journeys"]) == sorted(
        (c.conversion_id, n, *touch[:1], *touch[3:])
        for c in conversions.values()
        for n, touch in enumerate(oracle.journey_of(c, contacts), 1)
    )


def _touchpoints(rows: list[Row]) -> list[Row]:
    """Person, place, moment, channel, sender and id of the fact."""
    return sorted((r[0], r[1], r[2], r[6], r[-2], r[-1]) for r in rows)


def _journeys(rows: list[Row]) -> list[Row]:
    """Conversion, position in the person's journey, moment, channel, sender and id of the fact."""
    found: list[Row] = []
    for row in sorted((r for r in rows if r[5]), key=lambda r: (r[0], r[1])):
        position = found[-1][1] + 1 if found and found[-1][0] == row[0] else 1
        found.append((row[0], position, row[4], row[7], row[-2], row[-1]))
    return found
