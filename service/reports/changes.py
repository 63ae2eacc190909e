"""Why a report differs from what it was at an earlier moment: the difference of each row by cause.

The report is asked of the mart of then, and again after the facts of each cause, in the order of
`CAUSES`; the differences from one to the next add up to the whole, in whole minor units and
millionths. Configuration is exchanged last. An erasure leaves every number as it was, of now and of
then: it is named as a cause so that whoever looks for it sees that it took nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

import duckdb
from sqlalchemy import Engine, select

from service.journeys.causes import CAUSES as FACT_CAUSES
from service.journeys.causes import Causes, classify, take_in
from service.journeys.mart import Mart
from service.kit.currencies import minor_digits
from service.kit.db import reading
from service.kit.errors import ReconciliationError, Refusal
from service.kit.money import count_to_number, to_number
from service.kit.time import iso, to_micros
from service.ledger.append import FACTS
from service.ledger.tables import TABLES
from service.reports.applied import apply_edition, withdraw_edition
from service.reports.attribution import attribution
from service.reports.campaigns import prepare_rules
from service.reports.exchange import prepare_factors
from service.reports.moments import Between, Moment, settings_between
from service.reports.question import Question
from service.reports.roi import roi

Answer = dict[str, Any]
MEANINGS = {
    "spend_restated": "A spend line that was known already was stated anew.",
    "exchange_rates": "An exchange rate was stated, for the first time or anew.",
    "identity": "Identifiers, accounts and consents were told: people became one, parted or changed.",
    "deals_changed": "A lead, deal or order that was known already changed: its amount, stage or "
    "refunds.",
    "erasure": "A person was erased: whose it was is gone, what it counts for is not.",
    "late_facts": "What had happened before the first moment was told after it.",
    "new_facts": "What happened after the first moment.",
    "configuration": "Rules of channels and campaigns, exclusions, and the usual model and lookback "
    "were changed.",
}
"""In the order in which the causes are applied."""
CAUSES = tuple(MEANINGS)
REPORTS: dict[str, Callable[[duckdb.DuckDBPyConnection, Question], Answer]] = {
    "roi": roi,
    "attribution": attribution,
}
MONEY = ("revenue", "spend", "value")
PLAIN = ("impressions", "clicks", "visits")
MEASURES = {
    "roi": (
        "revenue", "spend", "conversions", "leads", "mqls", "sqls", "opportunities", "won",
        "customers", "visits", "clicks", "impressions",
    ),
    "attribution": ("value", "conversions"),
}  # fmt: skip
FIRST_FACTS = 5
Label = tuple[str | None, ...]
Figures = dict[Label, int]
UNATTRIBUTED: Label = ()
"""No dimension names it."""


@dataclass(frozen=True)
class Steps:
    """The report of then, and after each of `CAUSES`; the facts of each cause."""

    between: Between
    report: str
    answers: tuple[Answer, ...]
    facts: Causes


def steps_between(
    base: Mart, between: Between, questions: tuple[Question, Question], report: str
) -> Steps:
    """Ask the report once for every cause. Args: base: the mart of the first moment, which stays
    as it is; questions: as they are under the settings of each moment."""
    then, later = between.then, between.later

    def ask(mart: duckdb.DuckDBPyConnection, moment: Moment, question: Question) -> Answer:
        prepare_factors(mart, question.currency, between.rate_max_age_days)
        prepare_rules(mart, *moment.rules)
        apply_edition(mart, moment.edition)
        try:
            return REPORTS[report](mart, question)
        finally:
            withdraw_edition(mart)  # facts are taken into the mart and not into what hides it

    with base.supposing() as (mart, tail):
        answers = [ask(mart, then, questions[0])]
        facts = classify(mart, tail, then.watermark, later.watermark, _edge(then))
        for cause in FACT_CAUSES:
            if len(facts[cause]):
                take_in(mart, tail, cause, then.watermark, base.configuration)
            answers.append(ask(mart, then, questions[0]) if len(facts[cause]) else answers[-1])
        same = (then.rules, then.edition, questions[0]) == (
            later.rules,
            later.edition,
            questions[1],
        )
        answers.append(answers[-1] if same else ask(mart, later, questions[1]))
    return Steps(between, report, tuple(answers), facts)


def facts_by_cause(base: Mart, between: Between) -> Causes:
    then, later = between.then, between.later
    with base.supposing() as (mart, tail):
        return classify(mart, tail, then.watermark, later.watermark, _edge(then))


def _edge(then: Moment) -> int:
    if then.at is None:
        raise ValueError("the first of two moments is a moment")
    return to_micros(then.at)


def check_end(found: Steps, now: Answer) -> None:
    """Raises ReconciliationError unless the last step is what the report says now."""
    if now["meta"]["watermark"] != found.between.later.watermark:
        return  # the mart has gone on meanwhile
    later = found.between.later
    if (now["meta"]["campaign_rules"], now["meta"]["settings"]) != (
        later.rules[0],
        later.edition.name,
    ):
        return
    for measure in MEASURES[found.report]:
        if figures(found.answers[-1], measure) != figures(now, measure):
            raise ReconciliationError("not_reconciled", f"the causes do not lead to {measure}")


def figures(answer: Answer, measure: str) -> Figures:
    """The measure of each row that is not nothing, in whole numbers."""
    dimensions = answer["meta"]["group_by"]
    currency = answer["meta"]["currency"]
    found = {
        tuple(row[d] for d in dimensions): _whole(row[measure], measure, currency)
        for row in answer["rows"]
    }
    found[UNATTRIBUTED] = _whole(answer["unattributed"][measure], measure, currency)
    return {label: amount for label, amount in found.items() if amount}


def _whole(number: float, measure: str, currency: str) -> int:
    if measure in PLAIN:
        return int(number)
    places = minor_digits(currency) if measure in MONEY else 6
    # A float that a report made of whole minor units: its shortest text is exact.
    return int(Decimal(repr(number)).scaleb(places).to_integral_exact())


def _number(amount: int, measure: str, currency: str) -> int | float:
    if measure in PLAIN:
        return amount
    return to_number(amount, currency) if measure in MONEY else count_to_number(amount)


def split(found: Steps, measure: str) -> Answer:
    """The difference of each row, of what is unattributed and of the total by cause.

    Raises: Refusal for a measure that the report does not have; ReconciliationError.
    """
    if measure not in MEASURES[found.report]:
        raise Refusal(
            "unknown_value", "measure", f"measure is one of {', '.join(MEASURES[found.report])}"
        )
    meta = found.answers[-1]["meta"]
    parts = [figures(answer, measure) for answer in found.answers]
    labels = sorted(
        {label for part in parts for label in part} - {UNATTRIBUTED},
        key=lambda label: (-abs(parts[-1].get(label, 0)), [x or "" for x in label]),
    )

    def row(amounts: list[int]) -> Answer:
        by_cause = dict(zip(CAUSES, _differences(amounts), strict=True))
        if sum(by_cause.values()) != amounts[-1] - amounts[0]:
            raise ReconciliationError("not_reconciled", "causes do not make the difference")

        def show(amount: int) -> int | float:
            return _number(amount, measure, meta["currency"])

        return {
            "from": show(amounts[0]),
            "to": show(amounts[-1]),
            "difference": show(amounts[-1] - amounts[0]),
            "causes": {cause: show(amount) for cause, amount in by_cause.items()},
        }

    totals = row([sum(part.values()) for part in parts])
    return {
        "report": found.report,
        "measure": measure,
        "rows": [
            {
                **dict(zip(meta["group_by"], label, strict=True)),
                **row([part.get(label, 0) for part in parts]),
            }
            for label in labels
        ],
        "unattributed": row([part.get(UNATTRIBUTED, 0) for part in parts]),
        "totals": totals,
        "causes": [
            {
                "cause": cause,
                "meaning": meaning,
                "difference": totals["causes"][cause],
                "facts": _facts(found, cause),
            }
            for cause, meaning in MEANINGS.items()
        ],
        "between": {
            "from": found.between.then.told(),
            "to": found.between.later.told(),
        },
        "meta": meta | {"watermark": found.between.later.watermark},
    }  # fmt: skip


def _differences(amounts: list[int]) -> list[int]:
    return [after - before for before, after in pairwise(amounts)]


def _facts(found: Steps, cause: str) -> Answer:
    if cause == "configuration":
        return {"count": len(settings_between(found.between)), "first": []}
    seqs = found.facts[cause]
    return {"count": len(seqs), "first": [int(seq) for seq in seqs[:FIRST_FACTS]]}


def facts_page(
    engine: Engine, causes: Causes, cause: str, after: int, limit: int, with_payload: bool
) -> tuple[list[Answer], int | None]:
    """Facts of a cause after a seq, ascending, and the seq to go on after. The payload names
    people: only for readers who may see them."""
    seqs = causes[cause]
    page = seqs[seqs > after][: limit + 1].tolist()
    shown = page[:limit]
    sources = TABLES["sources"]
    query = (
        select(FACTS, sources.c.name.label("source"))
        .join(sources, sources.c.id == FACTS.c.source_id)
        .where(FACTS.c.seq.in_(shown))
        .order_by(FACTS.c.seq)
    )
    with reading(engine).connect() as connection:
        rows = connection.execute(query).all()
    items = [
        {
            "seq": row.seq,
            "source": row.source,
            "type": row.type,
            "occurred_at": iso(to_micros(row.occurred_at)),
            "received_at": iso(to_micros(row.received_at)),
            **({"id": row.fact_id, "payload": row.payload} if with_payload else {}),
        }
        for row in rows
    ]
    return items, (shown[-1] if len(page) > limit else None)
