"""What was put in, when, and how much of what it brings has had time to come: maturity."""

from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from service.reports.lags import LagBook, Lags
from service.reports.question import Question

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Exposure:
    """What was put in, and when: spend in minor units, or touchpoints in number.

    Attributes:
        rows: int64[m], the row of each item; -1 where filtered out.
        amounts: int64[m]; what is not above zero has no part.
        channel: object[m], names; moment: int64[m], microseconds.
    """

    rows: Ints
    amounts: Ints
    channel: NDArray[np.object_]
    moment: Ints

    def maturity(self, lags: Lags, count: int) -> tuple[Floats, float]:
        """Of each row, and of all of them, the mean share of what is to come that has had time to,
        weighted by the amounts; NaN where nothing was put in or nothing is known of the lags."""
        kept = (self.rows >= 0) & (self.amounts > 0)
        rows, amounts = self.rows[kept], self.amounts[kept].astype(np.float64)
        shares = lags.shares(self.channel[kept], self.moment[kept])
        put_in = np.bincount(rows, amounts, minlength=count)
        ripe = np.bincount(rows, amounts * shares, minlength=count)
        with np.errstate(invalid="ignore", divide="ignore"):
            return ripe / put_in, float(ripe.sum() / np.float64(put_in.sum()))

    def put_in(self, count: int) -> NDArray[np.bool_]:
        """Of each row whether anything was put in."""
        kept = (self.rows >= 0) & (self.amounts > 0)
        return np.bincount(self.rows[kept], minlength=count) > 0

    def own_lags(self, lags: Lags, count: int) -> NDArray[np.object_]:
        """Of each row whether its channels' own lags were used: channel, pooled, or mixed."""
        kept = (self.rows >= 0) & (self.amounts > 0)
        own = np.isin(self.channel[kept].astype(str), list(lags.by_channel))
        has_own = np.bincount(self.rows[kept], own, minlength=count) > 0
        has_pooled = np.bincount(self.rows[kept], ~own, minlength=count) > 0
        words = np.array([None, "channel", "pooled", "mixed"], dtype=object)
        return words[has_own + 2 * has_pooled]


def spend_maturity(
    mart: duckdb.DuckDBPyConnection,
    question: Question,
    book: LagBook,
    spent: dict[str, Any],
    rows: Ints,
    moments: Ints,
    count: int,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The mark of each row of spend, and of all together; see mark_of."""
    lags = book.of(mart, question, question.conversion)
    exposure = exposure_of_spend(spent, rows, moments)
    by_row, of_all = exposure.maturity(lags, count)
    put_in = exposure.put_in(count)
    shares, known = [*by_row.tolist(), of_all], [*put_in.tolist(), bool(put_in.any())]
    marks = [mark_of(*each, book.threshold) for each in zip(shares, known, strict=True)]
    return marks[:-1], marks[-1]


def exposure_of_spend(spent: dict[str, Any], rows: Ints, moments: Ints) -> Exposure:
    """The lines of a report's spend; `rows` and `moments` are those of the lines."""
    return Exposure(rows, spent["spend"], spent["channel"], moments)


NOT_KNOWN: dict[str, Any] = {
    "maturity": None,
    "too_early": False,
    "maturity_reason": "nothing_put_in",
}
"""Of a row that nothing was put in."""


def mark_of(share: float, put_in: bool, threshold: float) -> dict[str, Any]:
    """What a row says of its maturity; where that is nothing, why.

    Compared as it is shown, so that nobody reads 0.7 beside a flag for less than 0.7.

    Args: share: NaN where unknown; put_in: whether anything was, so that it is for want of
    conversions that nothing is known.
    """
    known = number_of(share)
    if known is None:
        return NOT_KNOWN | {"maturity_reason": "few_conversions"} if put_in else NOT_KNOWN
    return {"maturity": known, "too_early": known < threshold, "maturity_reason": None}


def number_of(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)
