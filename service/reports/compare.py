"""`/v1/models/compare`: what the models say side by side, how sure each is, and whether it matters."""

from typing import Any

import duckdb

from service.attribution.models import DEFINITIONS, ModelSpec, parse_model
from service.kit.errors import Refusal
from service.kit.money import count_to_number, to_number
from service.reports.allocations import allocation_of
from service.reports.attribution import clock, load_chosen
from service.reports.credited import counts
from service.reports.groups import Groups
from service.reports.intervals import credit_intervals
from service.reports.load import Loaded
from service.reports.meta import describe, ratio
from service.reports.question import Question
from service.reports.roi import by_row, noons, spend_of, unit_cost
from service.reports.uncertainty import (
    Interval,
    Ints,
    Measured,
    Resampling,
    about,
    cost_intervals,
    groups_of,
    return_intervals,
    told,
)
from service.reports.verdicts import RULE, verdict_of

Answer = dict[str, Any]
RULES = (
    "first_touch",
    "last_touch",
    "last_non_direct",
    "linear",
    "position_based",
    "time_decay",
)
# Not compared unless asked for: incremental conversions are not a division of those that were, and
# rates (docs/models.md) reward channels that few have seen, so that one deal turns every verdict.
_APART = frozenset({"incremental", "shapley_rate"})


def default_models() -> tuple[ModelSpec, ...]:
    """The rule models most asked for, and every model that is fitted on the population."""
    fitted = [d.name for d in DEFINITIONS.values() if d.kind == "population"]
    return tuple(parse_model(name) for name in (*RULES, *fitted) if name not in _APART)


def compare(mart: duckdb.DuckDBPyConnection, question: Question) -> Answer:
    """Rows with the figures of every model, their disagreement and the verdict; unattributed, totals.

    Journeys are loaded once for all models. ROAS and ROI stand where conversions are won deals and
    orders, and are then those of `/v1/roi`. Needs the table `factors`.
    Raises: ReconciliationError rather than give rows that do not add up; Refusal for fewer than two
    models, which have nothing to compare.
    """
    if len(question.models) < 2:
        raise Refusal("too_few_models", "model", "name at least two models to compare")
    loaded, chosen = load_chosen(mart, question)
    groups = Groups(mart, question)
    rows = groups.rows_of(loaded.dimension_id, loaded.page_id, clock(loaded, question))
    spent = spend_of(mart, question)
    spend_rows = groups.rows_of(spent["dimension_id"], None, noons(spent["day"], question))
    labels = groups.labels
    spend = by_row(spend_rows, spent["spend"], len(labels))
    stage = "won" if question.conversion == "repeat" else question.conversion
    dealt = groups_of(mart, loaded, question, (stage,))
    resampling = Resampling(mart, loaded, question, dealt, rows, len(labels))
    measured, refused = _measured(mart, loaded, question, resampling, chosen)
    columns = {name: _column(*pair, spend, question) for name, pair in measured.items()}
    counted, valued = next(iter(measured.values()))
    shown = counted.credit.shown, valued.credit.shown
    covered = {
        "value": ratio(shown[1] - sum(valued.credit.unattributed.values()), shown[1]),
        "conversions": ratio(shown[0] - sum(counted.credit.unattributed.values()), shown[0]),
        "spend": ratio(int(spent["spend"][spent["mapped"]].sum()), int(spent["spend"].sum())),
    }
    return {
        "rows": _rows(question, labels, columns, spend),
        "unattributed": {
            "models": {name: _rest(*pair, question.currency) for name, pair in measured.items()}
        },
        "totals": {
            "spend": to_number(int(spend.sum()), question.currency),
            "conversions": count_to_number(shown[0]),
            "value": to_number(shown[1], question.currency),
        },
        "rule": RULE,
        "refused": [told(name, refusal) for name, refusal in refused.items()],
        "uncertainty": about(question, measured),
        "meta": describe(mart, question, covered),
    }


def _measured(
    mart: duckdb.DuckDBPyConnection,
    loaded: Loaded,
    question: Question,
    resampling: Resampling,
    chosen: Any,
) -> tuple[dict[str, tuple[Measured, Measured]], dict[str, Refusal]]:
    """Conversions and value of every model, and why the others can say nothing of the question.

    Raises: Refusal where that is so of all of them.
    """
    measured, refused = {}, {}
    for model in question.models:
        try:
            allocation = allocation_of(mart, loaded, question, model)
            counted = resampling.measure(allocation, counts(loaded), chosen)
            valued = resampling.measure(allocation, loaded.value, chosen)
        except Refusal as refusal:
            refused[str(model)] = refusal
        else:
            measured[str(model)] = counted, valued
    if not measured:
        raise next(iter(refused.values()))
    return measured, refused


def _column(counted: Measured, valued: Measured, spend: Ints, question: Question) -> list[Answer]:
    """What one model says of every row."""
    currency = question.currency
    intervals = credit_intervals(counted, valued, currency)
    intervals["cpa"] = cost_intervals(counted.draws, spend, currency)
    earns = question.conversion == "won"
    nothing: list[Interval] = [None] * len(spend)
    intervals["roas"] = return_intervals(valued.draws, spend) if earns else nothing
    intervals["roi"] = return_intervals(valued.draws, spend, less=1) if earns else nothing
    cells = []
    for place, paid in enumerate(spend.tolist()):
        count, value = int(counted.credit.rows[place]), int(valued.credit.rows[place])
        cells.append(
            {
                **_figures(count, value, counted, valued, currency),
                "cpa": unit_cost(paid, count, currency),
                "roas": ratio(value, paid) if earns else None,
                "roi": ratio(value - paid, paid) if earns else None,
                "interval": {name: column[place] for name, column in intervals.items()},
            }
        )
    return cells


def _figures(
    count: int, value: int, counted: Measured, valued: Measured, currency: str
) -> dict[str, Any]:
    whole, all_conversions = valued.credit.shown, counted.credit.shown
    return {
        "conversions": count_to_number(count),
        "value": to_number(value, currency),
        "share": ratio(value, whole) if whole else ratio(count, all_conversions),
    }


def _rest(counted: Measured, valued: Measured, currency: str) -> dict[str, Any]:
    count = sum(counted.credit.unattributed.values())
    value = sum(valued.credit.unattributed.values())
    return _figures(count, value, counted, valued, currency)


def _rows(
    question: Question,
    labels: list[tuple[str | None, ...]],
    columns: dict[str, list[Answer]],
    spend: Ints,
) -> list[Answer]:
    """The greatest share under any model first; rows with neither spend nor credit are left out."""
    found = []
    for place, label in enumerate(labels):
        cells = {name: column[place] for name, column in columns.items()}
        if not spend[place] and not any(c["conversions"] or c["value"] for c in cells.values()):
            continue
        names = dict(zip(question.group_by, label, strict=True))
        found.append(
            {
                **names,
                "spend": to_number(int(spend[place]), question.currency),
                "models": cells,
                **verdict_of(cells),
            }
        )
    return sorted(
        found,
        key=lambda row: (
            -(row["disagreement"]["highest"] or 0),
            -row["spend"],
            [row[name] or "" for name in question.group_by],
        ),
    )
