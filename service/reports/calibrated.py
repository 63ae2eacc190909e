"""Lift tests against the model: the factor of each channel, and what became of every test."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import duckdb

from service.attribution.calibration import Evidence, Factor, calibrate, usable
from service.attribution.models import ModelSpec
from service.kit.money import to_decimal
from service.kit.time import Period
from service.reports.question import Question

Test = dict[str, Any]
Measure = Callable[[duckdb.DuckDBPyConnection, Question, ModelSpec], Any]


@dataclass(frozen=True)
class Calibration:
    """`factors` by channel; `told`: every test with the model's figure beside it."""

    factors: dict[str, Factor]
    told: list[Test]


def calibration_of(
    mart: duckdb.DuckDBPyConnection,
    question: Question,
    spec: ModelSpec,
    tests: Sequence[Test],
    measure: Measure,
) -> Calibration:
    """What the tests say of the question's stage: the model is fitted to the days of each test and
    its figure set beside the test's."""
    fits: dict[tuple[str, str], dict[str, tuple[float, float]]] = {}
    evidence: dict[str, list[Evidence]] = {}
    told = []
    for test in tests:
        reason = _unfit(test, question)
        found = None
        if reason is None:
            days = (test["from"], test["to"])
            if days not in fits:
                fits[days] = _by_channel(mart, question, spec, days, measure)
            found = _evidence(test, fits[days].get(test["channel"], (0.0, 0.0)))
            if not usable(found):
                reason = "the model sees no effect of the channel in the days of the test"
        if reason is None and found is not None:
            evidence.setdefault(test["channel"], []).append(found)
        told.append(_told(test, found, reason))
    return Calibration({name: calibrate(found) for name, found in evidence.items()}, told)


def _unfit(test: Test, question: Question) -> str | None:
    if test["conversion"] != question.conversion:
        return f"it measured {test['conversion']}"
    if test["currency"] not in (None, question.currency):
        return f"it measured {test['currency']}; ask in this currency"
    return None


def _by_channel(
    mart: duckdb.DuckDBPyConnection,
    question: Question,
    spec: ModelSpec,
    days: tuple[str, str],
    measure: Measure,
) -> dict[str, tuple[float, float]]:
    """Incremental conversions and value of each channel in the days of a test."""
    first, past = (date.fromisoformat(day) for day in days)
    period = Period.from_dates(first, past, question.period.zone)
    asked = replace(question, period=period, group_by=("channel",), basis="conversion", filters=())
    figures = measure(mart, asked, spec)
    return {
        label[0] or "": (
            int(figures.conversions.incremental[i]) / 1e6,
            float(to_decimal(int(figures.value.incremental[i]), question.currency)),
        )
        for i, label in enumerate(figures.labels)
    }


def _evidence(test: Test, model: tuple[float, float]) -> Evidence:
    of_value = test["incremental_revenue"] is not None
    estimate = test["incremental_revenue"] if of_value else test["incremental_conversions"]
    return Evidence(float(estimate), float(test["standard_error"]), model[of_value])


def _told(test: Test, found: Evidence | None, reason: str | None) -> Test:
    return {
        "id": test["id"],
        "version": test["version"],
        "channel": test["channel"],
        "from": test["from"],
        "to": test["to"],
        "measure": "revenue" if test["incremental_revenue"] is not None else "conversions",
        "currency": test["currency"],
        "estimate": test["incremental_revenue"]
        if test["incremental_revenue"] is not None
        else test["incremental_conversions"],
        "standard_error": test["standard_error"],
        "method": test["method"],
        "model": None if found is None else round(found.model, 6),
        "used": reason is None,
        "reason": reason,
    }
