"""`intervals=true` on reports of credit: the same answers, each row with how sure it is."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np

from service.attribution.bootstrap import Floats
from service.kit.currencies import minor_digits
from service.reports.allocations import allocation_of
from service.reports.attribution import attribution, clock, load_chosen
from service.reports.caused import MONEY, Calibrate, no_tests
from service.reports.credited import Allocation, counts
from service.reports.groups import Groups
from service.reports.hazard import IncrementalAllocation
from service.reports.lags import LagBook
from service.reports.load import Loaded, load
from service.reports.question import Question
from service.reports.roi import STAGES, roi
from service.reports.uncertainty import (
    Interval,
    Ints,
    Measured,
    Resampling,
    about,
    cost_intervals,
    count_intervals,
    groups_of,
    money_intervals,
    ratio_intervals,
    return_intervals,
)

Answer = dict[str, Any]
Label = tuple[str | None, ...]
Places = dict[Label, int]
Intervals = dict[str, list[Interval]]


def attribution_with_intervals(
    mart: duckdb.DuckDBPyConnection, question: Question, calibrate: Calibrate = no_tests
) -> Answer:
    """`attribution`, where each row (and each model's figures in it) has `interval`."""
    taken = load_chosen(mart, question)
    loaded, chosen = taken
    answer = attribution(mart, question, taken=taken, calibrate=calibrate)
    stage = "won" if question.conversion == "repeat" else question.conversion
    places, resampling = resample(mart, loaded, question, (stage,))
    found, measured = {}, {}
    brought = answer["incremental"]
    for model in question.models:
        allocation = allocation_of(mart, loaded, question, model)
        counted = resampling.measure(allocation, counts(loaded), chosen)
        valued = resampling.measure(allocation, loaded.value, chosen)
        measured[str(model)] = counted, valued
        found[str(model)] = credit_intervals(counted, valued, question.currency)
        measures = {
            "conversions": (counted, counts(loaded), chosen),
            "value": (valued, loaded.value, chosen),
        }
        brought = _with_brought(
            brought, allocation, str(model), resampling, measures, places, question
        )
    rows = []
    for row in answer["rows"]:
        place = places[tuple(row[name] for name in question.group_by)]
        if "models" in row:
            cells = {
                name: {**cell, "interval": _at(found[name], place)}
                for name, cell in row["models"].items()
            }
            rows.append({**row, "models": cells})
        else:
            rows.append({**row, "interval": _at(next(iter(found.values())), place)})
    return {
        **answer,
        "rows": rows,
        "incremental": brought,
        "uncertainty": about(question, measured),
    }


def roi_with_intervals(
    mart: duckdb.DuckDBPyConnection,
    question: Question,
    book: LagBook | None = None,
    calibrate: Calibrate = no_tests,
) -> Answer:
    """`roi`, where each row has `interval`; a row without any credit has [0, 0]."""
    loaded = load(mart, question, STAGES)
    answer = roi(mart, question, book=book, loaded=loaded, calibrate=calibrate)
    named = [tuple(row[name] for name in question.group_by) for row in answer["rows"]]
    places, resampling = resample(mart, loaded, question, STAGES, named)
    allocation = allocation_of(mart, loaded, question, question.models[0])
    columns = loaded.conversions
    won = columns["stage"] == STAGES.index("won")
    first = columns["ordinal"] == 1
    asked = (
        won & ~first
        if question.conversion == "repeat"
        else columns["stage"] == STAGES.index(question.conversion)
    )
    one = counts(loaded)
    conversions = resampling.measure(allocation, one, asked)
    customers = resampling.measure(allocation, one, won & first)
    revenue = resampling.measure(allocation, loaded.value, won)
    model = str(question.models[0])
    measured = {model: (conversions, customers, revenue)}
    spend = np.zeros(len(places), np.int64)
    for label, row in zip(named, answer["rows"], strict=True):
        spend[places[label]] = _minor(row["spend"], question.currency)
    found: Intervals = {
        "conversions": count_intervals(conversions.draws),
        "revenue": money_intervals(revenue.draws, question.currency),
        "share": ratio_intervals(revenue.shares),
        "cpa": cost_intervals(conversions.draws, spend, question.currency),
        "cac": cost_intervals(customers.draws, spend, question.currency),
        "roas": return_intervals(revenue.draws, spend),
        "roi": return_intervals(revenue.draws, spend, less=1),
    }
    rows = [
        {**row, "interval": _at(found, places[label])}
        for label, row in zip(named, answer["rows"], strict=True)
    ]
    measures = {
        "conversions": (conversions, one, asked),
        "customers": (customers, one, won & first),
        "revenue": (revenue, loaded.value, won),
    }
    brought = answer["incremental"]
    brought = _with_brought(
        brought, allocation, model, resampling, measures, places, question, spend
    )
    return {
        **answer,
        "rows": rows,
        "incremental": brought,
        "uncertainty": about(question, measured),
    }


def _with_brought(
    entries: list[Answer],
    allocation: Allocation,
    model: str,
    resampling: Resampling,
    measures: Mapping[str, tuple[Measured, Ints, Any]],
    places: Places,
    question: Question,
    spend: Ints | None = None,
) -> list[Answer]:
    """The entries of `incremental`, that of the model with an `interval` for each row and for the
    baseline. What lift tests make of them has none: it is as sure as the tests are.

    Args: measures: by name, what is attributed, and of what (as of `Resampling.measure`); spend: by
    row, where the answer knows it.
    """
    if not isinstance(allocation, IncrementalAllocation):
        return entries

    def told(name: str, draws: Floats) -> list[Interval]:
        return (
            money_intervals(draws, question.currency) if name in MONEY else count_intervals(draws)
        )

    found, rest = {}, {}
    for name, (measured, amounts, chosen) in measures.items():
        draws = resampling.brought(allocation, amounts, chosen)
        found[name] = told(name, draws)
        rest[name] = told(name, (measured.shown - draws.sum(axis=1))[:, None])
        if name == "revenue" and spend is not None:
            found["roas"] = return_intervals(draws, spend)

    def sure(entry: Answer) -> Answer:
        rows = [
            {**row, "interval": _at(found, places[tuple(row[n] for n in question.group_by)])}
            for row in entry["rows"]
        ]
        return {**entry, "rows": rows, "baseline": {**entry["baseline"], "interval": _at(rest, 0)}}

    return [sure(entry) if entry["model"] == model else entry for entry in entries]


def resample(
    mart: duckdb.DuckDBPyConnection,
    loaded: Loaded,
    question: Question,
    stages: tuple[str, ...],
    also: Iterable[Label] = (),
) -> tuple[Places, Resampling]:
    """Which column each label has, and the bootstrap of the rows that touchpoints fall in.

    Args: also: labels of rows that no touchpoint need fall in, such as those of spend alone.
    """
    groups = Groups(mart, question)
    rows = groups.rows_of(loaded.dimension_id, loaded.page_id, clock(loaded, question))
    places = {label: place for place, label in enumerate(groups.labels)}
    for label in also:
        places.setdefault(label, len(places))
    dealt = groups_of(mart, loaded, question, stages)
    return places, Resampling(mart, loaded, question, dealt, rows, len(places))


def credit_intervals(counted: Measured, valued: Measured, currency: str) -> Intervals:
    """Of conversions, value and share, one a row; `share` is of value where there is any."""
    shares = valued.shares if valued.credit.shown else counted.shares
    return {
        "conversions": count_intervals(counted.draws),
        "value": money_intervals(valued.draws, currency),
        "share": ratio_intervals(shares),
    }


def _at(found: Intervals, place: int) -> dict[str, Interval]:
    return {name: column[place] for name, column in found.items()}


def _minor(amount: float, currency: str) -> int:
    """The minor units that a number of an answer was written from."""
    return int(Decimal(str(amount)).scaleb(minor_digits(currency)))
