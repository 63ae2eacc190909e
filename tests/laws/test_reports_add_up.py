"""Every report adds up to the facts, to the minor unit, whatever is asked."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import strategies as st

from service.attribution.models import parse_models
from service.attribution.weights import KERNELS
from service.kit.errors import ReconciliationError
from service.kit.money import allocate
from service.kit.time import Period
from service.reports.credited import Allocation, Credit, counts
from service.reports.desk import ReportDesk
from service.reports.exchange import prepare_factors
from service.reports.groups import Groups
from service.reports.load import load
from service.reports.question import BASES, GROUPS, SCOPES, STAGES, Question
from tests.laws import oracle, sums
from tests.laws.laws import law
from tests.laws.ledgers import RATE_DAYS, Ledger
from tests.laws.worlds import worlds

RULES = (
    *(name for name in KERNELS if name != "custom"),
    "custom:first=1:sql=2:touch2=3",
    "last_paid:fallback=unattributed",
    "linear:unique=true",
    "u_shaped@marketo",
)
# Fitted on all journeys: all credit adds up to the total, not each conversion's to its value.
MODELS = (*RULES, "markov", "markov:null=false", "markov:order=2:transform=exposure")
EVER = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), ZoneInfo("UTC"))
FIRST_DAY = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC), EVER.zone)
LOOKBACKS = (timedelta(days=1), timedelta(days=90), None)
ADDED = ("spend", "impressions", "clicks", "visits", "leads", "mqls", "sqls", "opportunities",
         "won", "conversions", "customers", "revenue")  # fmt: skip
# The models that a few lines can say: weights of a journey of n touches with these channels.
PLAIN = {
    "first_touch": lambda channels: [1] + [0] * (len(channels) - 1),
    "last_touch": lambda channels: [0] * (len(channels) - 1) + [1],
    "linear": lambda channels: [1] * len(channels),
    "last_non_direct": lambda channels: [
        int(
            n
            == max((i for i, c in enumerate(channels) if c != "direct"), default=len(channels) - 1)
        )
        for n in range(len(channels))
    ],
}

groupings = st.lists(st.sampled_from(GROUPS), min_size=1, max_size=3, unique=True).map(tuple)
questions = st.builds(
    Question,
    period=st.sampled_from((EVER, EVER, FIRST_DAY)),
    currency=st.sampled_from(("EUR", "EUR", "UAH")),
    conversion=st.sampled_from((*STAGES, "won", "won")),
    models=st.sampled_from(MODELS).map(parse_models),
    lookback=st.sampled_from(LOOKBACKS),
    basis=st.sampled_from(BASES),
    scope=st.sampled_from(SCOPES),
    group_by=groupings,
    filters=st.sampled_from(((), (), (("channel", ("email", "paid_search")),))),
)


def exact(number: float | None) -> Decimal:
    return Decimal(0) if number is None else Decimal(repr(number))


def added(cells: Iterable[Mapping[str, Any]], name: str) -> Decimal:
    return sum((exact(cell[name]) for cell in cells), Decimal(0))


@law(sqlite=5, postgres=2)
def test_attribution_adds_up(ledger: Ledger, data: st.DataObject) -> None:
    """Rows + unattributed = totals; with what a filter leaves out they are the totals without the
    filter; and those are what the facts come to."""
    world = data.draw(worlds())
    ledger.send(world)
    desk, mart = _desk(ledger)
    for question in data.draw(st.lists(questions, min_size=10, max_size=14)):
        answer = desk.attribution(question)
        everything = desk.attribution(replace(question, filters=()))["totals"]
        left_out = answer.get("filtered_out", {"conversions": 0, "value": 0})
        for name in ("conversions", "value"):
            total = exact(answer["totals"][name])
            assert added([*answer["rows"], answer["unattributed"]], name) == total
            assert total + exact(left_out[name]) == exact(everything[name])
            reasons = answer["unattributed"]["reasons"]
            assert added(reasons, name) == exact(answer["unattributed"][name])
        if question.basis == "conversion" and question.scope == "person":
            assert everything == sums.totals(world, question)
    mart.close()


@law(sqlite=4, postgres=2)
def test_models_side_by_side_add_up(ledger: Ledger, data: st.DataObject) -> None:
    """All models in one answer: each one's rows and unattributed make the same totals."""
    ledger.send(data.draw(worlds()))
    desk, mart = _desk(ledger)
    for question in data.draw(st.lists(questions, min_size=2, max_size=4)):
        question = replace(
            question, models=parse_models(",".join(MODELS)), basis="conversion", filters=()
        )
        answer = desk.attribution(question)
        for model in map(str, question.models):
            for name in ("conversions", "value"):
                cells = [row["models"][model] for row in (*answer["rows"], answer["unattributed"])]
                assert added(cells, name) == exact(answer["totals"][name])
    mart.close()


@law(sqlite=4, postgres=2)
def test_return_on_spend_adds_up(ledger: Ledger, data: st.DataObject) -> None:
    """Rows + unattributed = totals in every column that can be added; spend and revenue are those
    of the facts; a ratio without a base is null."""
    world = data.draw(worlds())
    ledger.send(world)
    desk, mart = _desk(ledger)
    for question in data.draw(st.lists(questions, min_size=5, max_size=8)):
        answer = desk.roi(question)
        for name in ADDED:
            found = added([*answer["rows"], answer["unattributed"]], name)
            assert found == exact(answer["totals"][name])
        for row in (*answer["rows"], answer["unattributed"], answer["totals"]):
            assert (row["roas"] is None) == (row["spend"] == 0)
            assert (row["cpl"] is None) == (row["leads"] == 0)
        if not question.filters:
            assert exact(answer["totals"]["spend"]) == sums.spend(world, question, ledger)
            if question.basis == "conversion":
                won = sums.totals(world, replace(question, conversion="won"))
                assert (answer["totals"]["won"], answer["totals"]["revenue"]) == tuple(won.values())
    mart.close()


@law(sqlite=6, postgres=2)
def test_the_credits_of_a_conversion_are_its_value(ledger: Ledger, data: st.DataObject) -> None:
    """Under every rule each conversion gives away exactly what it is worth, or nothing with a
    reason; what is credited where nothing is corrupted fits, and what is corrupted is refused."""
    ledger.send(data.draw(worlds()))
    mart = ledger.rebuilt()
    question = replace(data.draw(questions), models=parse_models(",".join(RULES)), filters=())
    with mart.reading() as connection:
        prepare_factors(connection, question.currency, RATE_DAYS)
        loaded = load(connection, question, ["lead", "opportunity", "won"])
        groups = Groups(connection, question)
        rows = groups.rows_of(loaded.dimension_id, loaded.page_id, loaded.journeys.touched_at)
    owner = np.repeat(np.arange(len(loaded.value)), np.diff(loaded.journeys.offsets))
    for model in question.models:
        allocation = Allocation(loaded, question, model)
        for amounts in (loaded.value, counts(loaded), -7 * loaded.value):
            given_away = np.zeros(len(amounts), np.int64)
            np.add.at(given_away, owner, allocation.credit_of(amounts))
            assert (given_away == np.where(allocation.has_credit, amounts, 0)).all()
            _cannot_be_corrupted(allocation.gather(amounts, rows, len(groups.labels)))
        assert ((allocation.reasons() >= 0) == ~allocation.has_credit).all()
    mart.close()


def _cannot_be_corrupted(credit: Credit) -> None:
    with pytest.raises(ReconciliationError):
        replace(credit, total=credit.total + 1)
    with pytest.raises(ReconciliationError):
        replace(credit, filtered_out=credit.filtered_out - 1)
    if len(credit.rows):
        with pytest.raises(ReconciliationError):
            replace(credit, rows=np.append(credit.rows[1:], credit.rows[:1] + 1))


@law(sqlite=5, postgres=2)
def test_credit_goes_where_a_plain_program_gives_it(ledger: Ledger, data: st.DataObject) -> None:
    """Channel by channel, for the models that a few lines can say."""
    world = data.draw(worlds(spent=False))
    ledger.send(world)
    desk, mart = _desk(ledger)
    people = oracle.people_of(world)
    contacts = oracle.contacts_of(world, people)
    conversions = oracle.conversions_of(world, people).values()
    for lookback in LOOKBACKS:
        stage = data.draw(st.sampled_from(("lead", "opportunity", "won")))
        for name, weigh in PLAIN.items():
            expected: dict[str | None, int] = {}
            for conversion in conversions:
                if conversion.conversion_id.startswith(f"{stage}:"):
                    limit = None if lookback is None else lookback // timedelta(microseconds=1)
                    channels = [c[3] for c in oracle.journey_of(conversion, contacts, limit)]
                    value = sums.value_of(world, conversion, "EUR")
                    parts = allocate(value, weigh(channels)) if channels else [value]
                    for channel, part in zip(channels or [None], parts, strict=True):
                        expected[channel] = expected.get(channel, 0) + part
            question = Question(
                EVER, conversion=stage, models=parse_models(name), lookback=lookback
            )
            answer = desk.attribution(question)
            found = {row["channel"]: row["value"] for row in answer["rows"]}
            found[None] = answer["unattributed"]["value"]
            assert {c: exact(v) * 100 for c, v in found.items() if v} == {
                c: v for c, v in expected.items() if v
            }
    mart.close()


def _desk(ledger: Ledger) -> tuple[ReportDesk, Any]:
    mart = ledger.rebuilt()
    return ReportDesk(mart, ledger.engine, RATE_DAYS, ledger.mart), mart
