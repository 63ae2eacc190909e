"""`/v1/incremental`: what would not have happened without a channel, beside what a model gives it.

Attributed and incremental conversions are separate fields and never mixed. Attributed and
unattributed add up to the total; incremental and the baseline add up to the same total.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np

from service.attribution.calibration import Factor
from service.attribution.incremental import CONFOUNDED, Hazard
from service.attribution.models import ModelSpec, parse_model
from service.kit.errors import ReconciliationError, Refusal
from service.kit.money import count_to_number, to_number
from service.reports.attribution import Cell, load_chosen
from service.reports.calibrated import Calibration, calibration_of
from service.reports.credited import Bools, Ints, counts, exact_sums
from service.reports.groups import Groups
from service.reports.hazard import IncrementalAllocation
from service.reports.meta import describe, ratio
from service.reports.question import TIMES, Question
from service.reports.roi import spend_of

NORMAL_95 = 1.959963984540054
FEW = 100
Labels = tuple[str | None, ...]


def read_spec(half_life: str | None = None, fill: str | None = None) -> ModelSpec:
    """The model with the parameters of a query. Raises Refusal."""
    given = {"half_life": half_life, "fill": fill}
    text = "incremental" + "".join(f":{n}={v}" for n, v in given.items() if v is not None)
    return parse_model(text)


@dataclass(frozen=True, eq=False)
class Split:
    """One measure in whole units: per row what was attributed and what was incremental, the rest
    of each, and the total that both add up to."""

    attributed: Ints
    incremental: Ints
    unattributed: int
    baseline: int
    total: int

    def __post_init__(self) -> None:
        for name in ("attributed", "incremental"):
            rest = self.unattributed if name == "attributed" else self.baseline
            if int(getattr(self, name).sum()) + rest != self.total:
                raise ReconciliationError(
                    "not_reconciled", f"{name} and its rest are not {self.total}"
                )


@dataclass(frozen=True, eq=False)
class Measured:
    """A fit with its figures by row; the rows' labels, states (-1: nobody was touched) and spend;
    what conversions of people never touched before add up to: millionths, and minor units."""

    fit: Hazard
    labels: list[Labels]
    state: list[int]
    conversions: Split
    value: Split
    spend: Ints
    never_touched: tuple[int, int]


def measure(mart: duckdb.DuckDBPyConnection, question: Question, spec: ModelSpec) -> Measured:
    """The model fitted to the question's period, and its figures. Raises Refusal."""
    _check(question)
    loaded, chosen = load_chosen(mart, question)
    allocation = IncrementalAllocation(mart, loaded, question, spec)
    found, fit = allocation.fitted(0)
    groups = Groups(mart, replace(question, filters=()))
    rows = groups.rows_of(loaded.dimension_id, loaded.page_id, loaded.journeys.touched_at)
    spent = spend_of(mart, question)
    spend_rows = groups.rows_of(spent["dimension_id"], None, np.zeros(len(spent["day"])))
    labels = [*groups.labels, *(label for label in found.labels if label not in groups.labels)]
    place = {label: number for number, label in enumerate(found.labels)}
    outside = found.panel.event_of[: len(found.reached)] < 0
    measures = {"conversions": counts(loaded), "value": loaded.value}
    split = {
        name: _split(allocation, amounts, rows, len(labels), chosen)
        for name, amounts in measures.items()
    }
    never = [int(_chosen(a, chosen)[outside].sum()) for a in measures.values()]
    return Measured(
        fit=fit,
        labels=labels,
        state=[place.get(label, -1) for label in labels],
        **split,
        spend=exact_sums(spend_rows, spent["spend"].astype(np.int64), len(labels)),
        never_touched=(never[0], never[1]),
    )


def _check(question: Question) -> None:
    if question.basis == "touch":
        raise Refusal(
            "unknown_value", "basis", "incremental conversions are dated by the conversion"
        )
    if dated := [name for name in question.group_by if name in TIMES]:
        raise Refusal(
            "unknown_group", "group_by", f"one fit covers the period: no rows by {dated[0]} here"
        )


def _chosen(amounts: Ints, chosen: Bools | None) -> Ints:
    return amounts if chosen is None else np.where(chosen, amounts, 0)


def _split(
    allocation: IncrementalAllocation, amounts: Ints, rows: Ints, count: int, chosen: Bools | None
) -> Split:
    credit = allocation.gather(amounts, rows, count, chosen)
    caused = allocation.caused(amounts, rows, count, chosen)
    return Split(
        attributed=credit.rows,
        incremental=caused,
        unattributed=sum(credit.unattributed.values()),
        baseline=credit.total - int(caused.sum()),
        total=credit.total,
    )


def incremental(
    mart: duckdb.DuckDBPyConnection,
    question: Question,
    spec: ModelSpec,
    tests: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Rows, baseline, unattributed, totals, the fit, lift tests, warnings, meta.

    Args: tests: as `list_lift_tests` gives them. Needs the table `factors`. Raises: Refusal;
    ReconciliationError rather than give rows that do not add up.
    """
    figures = measure(mart, question, spec)
    calibration = calibration_of(mart, question, spec, tests, measure)
    factors = [_factor_of(label, question, calibration) for label in figures.labels]
    order = sorted(
        range(len(figures.labels)),
        key=lambda i: (
            -int(figures.conversions.incremental[i]),
            -int(figures.conversions.attributed[i]),
            [x or "" for x in figures.labels[i]],
        ),
    )
    currency = question.currency
    rows = [
        {
            **dict(zip(question.group_by, figures.labels[i], strict=True)),
            **_row(figures, i, factors[i], currency),
        }
        for i in order
        if figures.spend[i] or _is_touched(figures, i)
    ]
    baseline = _baseline(figures, factors, currency)
    coverage = {
        "value": ratio(figures.value.total - figures.value.unattributed, figures.value.total),
        "conversions": ratio(
            figures.conversions.total - figures.conversions.unattributed, figures.conversions.total
        ),
        "spend": None,
    }
    meta = describe(mart, question, coverage)
    return {
        "rows": rows,
        "baseline": baseline,
        "unattributed": _pair(
            figures.conversions.unattributed, figures.value.unattributed, currency
        ),
        "totals": {
            **_pair(figures.conversions.total, figures.value.total, currency),
            "spend": to_number(int(figures.spend.sum()), currency),
        },
        "fit": dict(figures.fit.facts),
        "lift_tests": calibration.told,
        "warnings": _warnings(figures, baseline, calibration, question),
        "meta": {**meta, "models": [spec.to_dict()]},
    }


def _factor_of(label: Labels, question: Question, calibration: Calibration) -> Factor | None:
    if "channel" not in question.group_by:
        return None
    return calibration.factors.get(label[question.group_by.index("channel")] or "")


def _is_touched(figures: Measured, row: int) -> bool:
    return figures.state[row] >= 0 and bool(figures.fit.touched[figures.state[row]])


def _row(figures: Measured, row: int, factor: Factor | None, currency: str) -> Cell:
    count, value = (int(s.incremental[row]) for s in (figures.conversions, figures.value))
    spend = int(figures.spend[row])
    low, high = _interval(figures.fit, figures.state[row], count / 1e6, 0.0)
    found: Cell = {
        "spend": to_number(spend, currency),
        "attributed": _pair(
            int(figures.conversions.attributed[row]), int(figures.value.attributed[row]), currency
        ),
        "incremental": {
            **_pair(count, value, currency),
            "low": low,
            "high": high,
            "roas": ratio(value, spend),
        },
        "calibrated": None,
    }
    if factor is not None:
        count, value = _times(count, factor), _times(value, factor)
        low, high = _interval(
            figures.fit, figures.state[row], count / 1e6, factor.deviation, factor.factor
        )
        found["calibrated"] = {
            **_pair(count, value, currency),
            "low": low,
            "high": high,
            "roas": ratio(value, spend),
            "factor": round(factor.factor, 6),
        }
    return found


def _times(amount: int, factor: Factor) -> int:
    return round(amount * factor.factor)


def _interval(
    fit: Hazard, state: int, count: float, deviation: float, factor: float = 1.0
) -> tuple[float, float]:
    """95 %, on the log scale: the fit's own error and that of the factor together. Where the fit
    gives nothing, from 0 to the bound by likelihood ratio; of no state (-1), nothing."""
    if state < 0:
        return 0.0, 0.0
    if fit.expected[state] <= 0 or math.isnan(fit.error[state]):
        upper = fit.upper[state] * factor if not math.isnan(fit.upper[state]) else 0.0
        return 0.0, round(float(upper), 6)
    spread = NORMAL_95 * math.hypot(fit.error[state] / fit.expected[state], deviation)
    spread = min(spread, 50.0)
    return round(count * math.exp(-spread), 6), round(count * math.exp(spread), 6)


def _baseline(figures: Measured, factors: Sequence[Factor | None], currency: str) -> Cell:
    """What would have happened anyway; calibrated: the total less what is calibrated."""
    count, value = figures.conversions.baseline, figures.value.baseline
    found: Cell = {
        **_pair(count, value, currency),
        "share": ratio(count, figures.conversions.total),
        "never_touched": _pair(*figures.never_touched, currency),
        "calibrated": None,
    }
    if any(factors):
        for i, factor in enumerate(factors):
            if factor is not None:
                there = int(figures.conversions.incremental[i])
                count -= _times(there, factor) - there
                worth = int(figures.value.incremental[i])
                value -= _times(worth, factor) - worth
        found["calibrated"] = _pair(count, value, currency)
    return found


def _pair(count: int, value: int, currency: str) -> Cell:
    return {"conversions": count_to_number(count), "value": to_number(value, currency)}


def _warnings(
    figures: Measured, baseline: Cell, calibration: Calibration, question: Question
) -> list[str]:
    found = [CONFOUNDED]
    fitted = int(figures.fit.facts["conversions_fitted"])
    if fitted < FEW:
        found.append(f"Only {fitted} conversions: the intervals say more than the figures.")
    if calibration.factors and "channel" not in question.group_by:
        found.append("Lift tests are of channels: group by channel to see them applied.")
    if baseline["calibrated"] and baseline["calibrated"]["conversions"] < 0:
        found.append(
            "The lift tests claim more than all conversions there were: at least one of them does "
            "not hold for this period."
        )
    return found
