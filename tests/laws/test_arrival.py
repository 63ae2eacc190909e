"""Facts may come in any order, in any batches, late and again: the mart is the same."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from service.journeys.build import Configuration
from service.journeys.mart import Mart
from tests.laws.laws import law
from tests.laws.ledgers import CONFIGURATION, Dump, Ledger, public_dump, whole_dump
from tests.laws.worlds import DAYS, World, deliveries, spend_lines, worlds


def _configuration(data: st.DataObject) -> Configuration:
    # With a limit of 1 or 2 most worlds have shared identifiers, with 20 hardly any.
    return replace(CONFIGURATION, shared_limit=data.draw(st.sampled_from((1, 2, 20))))


def _followed(ledger: Ledger, plan: list[tuple[World, bool]], configuration: Configuration) -> Mart:
    """A mart that took the deliveries in as they came."""
    mart = ledger.mart(configuration)
    for statements, refresh in plan:
        ledger.send(statements)
        if refresh:
            mart.refresh()
    mart.refresh()
    return mart


def _public(ledger: Ledger, world: World, configuration: Configuration = CONFIGURATION) -> Dump:
    """The mart of the world sent in its order, built at once."""
    ledger.empty().send(world)
    mart = ledger.rebuilt(configuration)
    found = public_dump(mart)
    mart.close()
    return found


def _same(left: Dump, right: Dump) -> None:
    """Table by table, so that a difference is shown in its own table."""
    assert left.keys() == right.keys()
    for name in left:
        assert left[name] == right[name], name


@law(sqlite=9, postgres=3)
def test_arrival_changes_nothing(ledger: Ledger, data: st.DataObject) -> None:
    """Permuted, batched, delayed, repeated and followed in steps = in order and built at once."""
    configuration = _configuration(data)
    world = data.draw(worlds())
    expected = _public(ledger, world, configuration)
    mart = _followed(ledger.empty(), data.draw(deliveries(world)), configuration)
    _same(public_dump(mart), expected)
    mart.close()


@law(sqlite=6, postgres=2)
def test_following_is_building_anew(ledger: Ledger, data: st.DataObject) -> None:
    """The same ledger: followed in any steps, built at once and built again are the same mart, to
    the last internal number."""
    configuration = _configuration(data)
    followed = _followed(ledger, data.draw(deliveries(data.draw(worlds()))), configuration)
    once = ledger.rebuilt(configuration)
    expected = whole_dump(once)
    _same(whole_dump(followed), expected)
    once.rebuild()
    _same(whole_dump(once), expected)
    followed.close()
    once.close()


@law(sqlite=4, postgres=0)
def test_steps_need_not_end_where_batches_do(ledger: Ledger, data: st.DataObject) -> None:
    """`refresh(up_to=…)` may stop in the middle of what one transaction brought."""
    ledger.send(data.draw(worlds()))
    first = ledger.first_seq()
    last = ledger.last_seq()
    mart = ledger.mart()
    for stop in sorted(data.draw(st.sets(st.integers(first, last), max_size=3))):
        assert mart.refresh(up_to=stop) == stop
    assert mart.refresh() == last
    once = ledger.rebuilt()
    _same(whole_dump(mart), whole_dump(once))
    mart.close()
    once.close()


@law(sqlite=4, postgres=2)
def test_who_is_who_may_be_learned_late(ledger: Ledger, data: st.DataObject) -> None:
    """People merged and accounts named after everything happened = known from the start."""
    world = data.draw(worlds())
    late = [s for s in world if s["kind"] in ("identify", "group", "unlink")]
    early = [s for s in world if s not in late]
    expected = _public(ledger, late + early)
    mart = _followed(ledger.empty(), [(early, True), (late, True)], CONFIGURATION)
    _same(public_dump(mart), expected)
    mart.close()


@law(sqlite=4, postgres=2)
def test_restated_spend_is_spend_stated_right(ledger: Ledger, data: st.DataObject) -> None:
    """Lines and rates posted anew, back and forth = only their last figures posted, once."""
    lines = data.draw(st.lists(spend_lines(stated=False, days=DAYS[:1]), min_size=3, max_size=7))
    rates = [
        {"kind": "rate", "sender": "crm", "date": "2026-03-01", "base": "EUR", "quote": "UAH"}
        | {"rate": rate}
        for rate in data.draw(st.lists(st.sampled_from(("50", "49.5", "44.44")), max_size=3))
    ]
    other = data.draw(worlds(spent=False, rated=False))
    last = {_line(line): line for line in lines} | {_line(rate): rate for rate in rates}
    expected = _public(ledger, other + list(last.values()))
    # Each posting is a request of its own: two figures of one line in one are refused.
    plan = [([line], data.draw(st.integers(0, 3)) == 0) for line in lines + rates]
    mart = _followed(ledger.empty(), [(other, True), *plan], CONFIGURATION)
    _same(public_dump(mart), expected)
    mart.close()


def _line(statement: dict[str, object]) -> tuple[object, ...]:
    names = ("kind", "date", "source", "medium", "campaign", "base", "quote")
    # A rate has one value whoever states it; each sender has its own bills.
    sender = None if statement["kind"] == "rate" else statement["sender"]
    return (sender, *(statement.get(name) for name in names))


def test_worlds_hold_what_the_laws_are_about() -> None:
    """A law over worlds without it would prove nothing."""
    seen: set[str] = set()

    @settings(max_examples=12)
    @given(worlds())
    def look(world: World) -> None:
        seen.update(statement["kind"] for statement in world)
        seen.update("bot" for statement in world if "context" in statement)

    look()
    assert seen == {
        "page", "touch", "identify", "unlink", "group", "lead", "deal", "order", "spend", "rate", "bot"
    }  # fmt: skip
