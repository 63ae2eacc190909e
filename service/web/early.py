"""Which rows of an ROI table it is too early to judge, and in what words.

A row is early when little of its spend has had time to convert; what is to be expected of it then
stands in the cohort of its touches, and not in the conversions beside it, which may be older.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any

from service.web import words
from service.web.format import Formatter, Number, exact

Report = dict[str, Any]
HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True)
class Early:
    """An explanation by the name of each early row, and of the total; empty where it is not early."""

    rows: Mapping[str | None, str] = field(default_factory=dict)
    total: str = ""


def is_early(report: Report) -> bool:
    """Whether any row or the total of an ROI report is too early to judge."""
    return any(row.get("too_early") for row in (*report["rows"], report["totals"]))


def explain_early(report: Report, cohorts: Report, dimension: str, formatter: Formatter) -> Early:
    """The explanations of the early rows.

    Args:
        report: an ROI report; `cohorts`: that of maturity for the same rows, of the whole period.
        dimension: the field that names a row.
        formatter: writes the numbers.
    """
    by_name = {row[dimension]: row for row in cohorts["rows"]}
    level = formatter.percent(cohorts["interval"])
    return Early(
        {
            row[dimension]: _sentence(row, by_name.get(row[dimension], {}), level, formatter)
            for row in report["rows"]
            if row.get("too_early")
        },
        _sentence(report["totals"], cohorts["totals"], level, formatter)
        if report["totals"].get("too_early")
        else "",
    )


def _sentence(row: Report, cohort: Report, level: str, formatter: Formatter) -> str:
    text = words.HAD_TIME.format(share=_share(row["maturity"], formatter))
    if cohort.get("expected") is None:
        return f"{text} {words.NOT_FORESEEN}"
    foreseen = words.FORESEEN.format(
        came=_conversions(cohort["conversions"], formatter),
        expected=_count(cohort["expected"], formatter),
        low=_count(cohort["low"], formatter),
        high=_count(cohort["high"], formatter),
        level=level,
    )
    return f"{text} {foreseen}"


def _share(share: Number, formatter: Formatter) -> str:
    """Rounded down: what is below the threshold must not read as having reached it."""
    return formatter.percent((exact(share) or Decimal(0)).quantize(HUNDREDTH, ROUND_DOWN))


def _conversions(number: Number, formatter: Formatter) -> str:
    text = _count(number, formatter)
    return f"{text} {'conversion' if number == 1 else 'conversions'}"


def _count(number: Number, formatter: Formatter) -> str:
    return formatter.count(number, 0 if number == int(number) else 1)
