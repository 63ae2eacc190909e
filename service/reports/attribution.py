"""`/v1/attribution`: who earned the conversions, under one model or several side by side."""

from typing import Any

import duckdb
import numpy as np

from service.kit.money import count_to_number, to_number
from service.reports.allocations import allocation_of
from service.reports.caused import Calibrate, Measure, caused, no_tests
from service.reports.credited import Credit, counts, exact_sums
from service.reports.groups import Groups
from service.reports.load import Loaded, load
from service.reports.meta import describe, ratio
from service.reports.question import Question

Cell = dict[str, Any]
_LARGEST_MAP = 2**25


def attribution(
    mart: duckdb.DuckDBPyConnection,
    question: Question,
    *,
    taken: tuple[Loaded, Any] | None = None,
    calibrate: Calibrate = no_tests,
) -> dict[str, Any]:
    """Conversions and value by row, unattributed apart, totals, meta; what would not have happened
    without a row, of the models that know a baseline.

    Args: taken: what `load_chosen` gave, where the caller has it already.
    Needs the table `factors` of the question's currency (`exchange.prepare_factors`).
    Raises: ReconciliationError rather than give rows that do not add up.
    """
    loaded, chosen = taken or load_chosen(mart, question)
    groups = Groups(mart, question)
    rows = groups.rows_of(loaded.dimension_id, loaded.page_id, clock(loaded, question))
    labels = groups.labels
    found, brought = {}, []
    for model in question.models:
        allocation = allocation_of(mart, loaded, question, model)
        count = allocation.gather(counts(loaded), rows, len(labels), chosen)
        value = allocation.gather(loaded.value, rows, len(labels), chosen)
        found[str(model)] = (count, value)
        measures = {
            "conversions": Measure(counts(loaded), chosen, count.shown, question.conversion),
            "value": Measure(loaded.value, chosen, value.shown, question.conversion),
        }
        brought += caused(allocation, question, model, measures, (rows, labels), calibrate)
    took_part = _participations(loaded, question, rows, len(labels), chosen)
    return {
        **_answer(mart, question, labels, found, took_part),
        "incremental": brought,
    }


def _participations(
    loaded: Loaded, question: Question, rows: Any, row_count: int, chosen: Any
) -> tuple[Any, Any]:
    """Per row the conversions that one of its touchpoints took part in, and their value. They add
    up to more than the total, so they stand beside the credit and never in it."""
    owner = loaded.journeys.journey
    counted = loaded.in_period if chosen is None else loaded.in_period & chosen
    kept = (rows >= 0) & counted[owner]
    if question.basis == "touch":
        at, period = loaded.journeys.touched_at, question.period
        kept = (rows >= 0) & (at >= period.start_micros) & (at < period.end_micros)
        kept &= True if chosen is None else chosen[owner]
    pairs = _distinct(owner[kept] * row_count + rows[kept], len(counted) * row_count)
    count = np.bincount(pairs % row_count, minlength=row_count)
    value = exact_sums(pairs % row_count, loaded.value[pairs // row_count], row_count)
    return count.astype(np.int64), value


def _distinct(numbers: Any, limit: int) -> Any:
    """The distinct ones of so many whole numbers from 0 to below the limit, ascending."""
    # NumPy's own `unique` hashes, at ten times the cost for what lies almost in order.
    if limit <= _LARGEST_MAP:
        seen = np.zeros(limit, bool)
        seen[numbers] = True
        return np.flatnonzero(seen)
    numbers = np.sort(numbers)
    return numbers[np.diff(numbers, prepend=-1) > 0]


def load_chosen(mart: duckdb.DuckDBPyConnection, question: Question) -> tuple[Loaded, Any]:
    """The question's conversions, and which it counts (`repeat`: not a customer's first)."""
    stage = "won" if question.conversion == "repeat" else question.conversion
    loaded = load(mart, question, [stage], ordinals=question.conversion == "repeat")
    chosen = loaded.conversions["ordinal"] > 1 if question.conversion == "repeat" else None
    return loaded, chosen


def clock(loaded: Loaded, question: Question) -> Any:
    """The moment that dates each touchpoint's credit: its own, or its conversion's."""
    if question.basis == "touch":
        return loaded.journeys.touched_at
    return np.repeat(loaded.journeys.converted_at, np.diff(loaded.journeys.offsets))


def _answer(
    mart: duckdb.DuckDBPyConnection,
    question: Question,
    labels: list[tuple[str | None, ...]],
    found: dict[str, tuple[Credit, Credit]],
    took_part: tuple[Any, Any],
) -> dict[str, Any]:
    several = len(found) > 1
    first_count, first_value = next(iter(found.values()))
    order = sorted(
        range(len(labels)),
        key=lambda i: (
            -int(first_value.rows[i]),
            -int(first_count.rows[i]),
            [x or "" for x in labels[i]],
        ),
    )
    rows = []
    for index in order:
        cells = {
            name: _cell(int(c.rows[index]), int(v.rows[index]), c, v, question.currency)
            for name, (c, v) in found.items()
        }
        if took_part[0][index] or any(c["conversions"] or c["value"] for c in cells.values()):
            names = dict(zip(question.group_by, labels[index], strict=True))
            row = {**names, **({"models": cells} if several else next(iter(cells.values())))}
            row["participation"] = {
                "conversions": int(took_part[0][index]),
                "value": to_number(int(took_part[1][index]), question.currency),
            }
            rows.append(row)
    rest = {name: _unattributed(c, v, question.currency) for name, (c, v) in found.items()}
    covered = {
        "value": ratio(
            first_value.shown - sum(first_value.unattributed.values()), first_value.shown
        ),
        "conversions": ratio(
            first_count.shown - sum(first_count.unattributed.values()), first_count.shown
        ),
        "spend": None,
    }
    answer: dict[str, Any] = {
        "rows": rows,
        "unattributed": {"models": rest} if several else next(iter(rest.values())),
        "totals": {
            "conversions": count_to_number(first_count.shown),
            "value": to_number(first_value.shown, question.currency),
        },
        "meta": describe(mart, question, covered),
    }
    if question.filters:
        answer["filtered_out"] = {
            "conversions": count_to_number(first_count.filtered_out),
            "value": to_number(first_value.filtered_out, question.currency),
        }
    return answer


def _cell(count: int, value: int, counted: Credit, valued: Credit, currency: str) -> Cell:
    share = ratio(value, valued.shown) if valued.shown else ratio(count, counted.shown)
    return {
        "conversions": count_to_number(count),
        "value": to_number(value, currency),
        "share": share,
    }


def _unattributed(counted: Credit, valued: Credit, currency: str) -> Cell:
    count, value = sum(counted.unattributed.values()), sum(valued.unattributed.values())
    return {
        **_cell(count, value, counted, valued, currency),
        "reasons": [
            {
                "reason": reason,
                "conversions": count_to_number(counted.unattributed[reason]),
                "value": to_number(valued.unattributed.get(reason, 0), currency),
            }
            for reason in counted.unattributed
        ],
    }
