"""What would not have happened without each row, beside what a model with a baseline attributes.

A list in the answer, one entry for each such model: rows and the baseline (what would have happened
anyway) add up to the answer's totals, as the answer's own rows and `unattributed` do. The two are
never mixed. Calibrated by lift tests the rows are multiplied, and the baseline is the rest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from service.attribution.calibration import Factor
from service.attribution.models import ModelSpec
from service.kit.money import count_to_number, to_number
from service.reports.credited import Allocation, Bools, Ints
from service.reports.hazard import IncrementalAllocation
from service.reports.meta import ratio
from service.reports.question import Question

Cell = dict[str, Any]
Calibrate = Callable[[Question, ModelSpec], Mapping[str, Factor]]
"""By channel the factor of the lift tests of the question's stage."""

MONEY = ("value", "revenue")


@dataclass(frozen=True, eq=False)
class Measure:
    """Amounts int64[n] of conversions, which of them count, the total that rows and the answer's
    unattributed make to, and the stage whose lift tests speak of it."""

    amounts: Ints
    chosen: Bools | None
    total: int
    conversion: str


def no_tests(*_: object) -> Mapping[str, Factor]:
    """Nothing was measured."""
    return {}


def caused(
    allocation: Allocation,
    question: Question,
    model: ModelSpec,
    measures: Mapping[str, Measure],
    rows: tuple[Ints, list[tuple[str | None, ...]]],
    calibrate: Calibrate,
    spend: Ints | None = None,
) -> list[Cell]:
    """The entry of one model; none for a model without a baseline.

    Args: rows: the row of each touchpoint (-1: filtered out), and the rows' labels; spend: by row.
    """
    if not isinstance(allocation, IncrementalAllocation):
        return []
    row_of, labels = rows
    names, by_row, factors = list(measures), {}, {}
    for name, measure in measures.items():
        by_row[name] = allocation.caused(measure.amounts, row_of, len(labels), measure.chosen)
        factors[name] = _factors(question, model, measure.conversion, labels, calibrate)
    found, sums = [], dict.fromkeys(names, 0)
    is_calibrated = any(f is not None for each in factors.values() for f in each)
    for index, label in enumerate(labels):
        plain = {name: int(by_row[name][index]) for name in names}
        times = {name: _times(plain[name], factors[name][index]) for name in names}
        for name in names:
            sums[name] += times[name]
        if not any(plain.values()):
            continue
        cost = None if spend is None else int(spend[index])
        cell = {**dict(zip(question.group_by, label, strict=True)), **_cell(plain, cost, question)}
        factor = next((factors[n][index] for n in names if factors[n][index] is not None), None)
        cell["calibrated"] = (
            None
            if factor is None
            else {**_cell(times, cost, question), "factor": round(factor.factor, 6)}
        )
        found.append((plain[names[-1]], plain[names[0]], [x or "" for x in label], cell))
    totals = {name: measures[name].total for name in names}
    rest = {name: totals[name] - int(by_row[name].sum()) for name in names}
    anyway = {name: totals[name] - sums[name] for name in names}
    found.sort(key=lambda each: (-each[0], -each[1], each[2]))
    return [
        {
            "model": str(model),
            "rows": [each[-1] for each in found],
            "baseline": {
                **_cell(rest, None, question),
                "calibrated": _cell(anyway, None, question) if is_calibrated else None,
            },
        }
    ]


def _factors(
    question: Question,
    model: ModelSpec,
    conversion: str,
    labels: list[tuple[str | None, ...]],
    calibrate: Calibrate,
) -> list[Factor | None]:
    """Of each row; a lift test is of a channel, so rows of something else have none."""
    if "channel" not in question.group_by:
        return [None] * len(labels)
    by_channel = calibrate(replace(question, conversion=conversion), model)
    place = question.group_by.index("channel")
    return [by_channel.get(label[place] or "") for label in labels]


def _times(amount: int, factor: Factor | None) -> int:
    return amount if factor is None else round(amount * factor.factor)


def _cell(amounts: Mapping[str, int], spend: int | None, question: Question) -> Cell:
    cell: Cell = {
        name: to_number(amount, question.currency) if name in MONEY else count_to_number(amount)
        for name, amount in amounts.items()
    }
    if spend is not None:
        cell["roas"] = ratio(amounts["revenue"], spend)
    return cell
