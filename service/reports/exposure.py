"""What was put in, when, and how much of what it brings has had time to come: maturity."""

from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from service.reports.lags import LagBook, Lags, channel_names
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
    """`maturity` and `too_early` of each row of spend, and of all together."""
    lags = book.of(mart, question, question.conversion)
    exposure = exposure_of_spend(mart, spent, rows, moments)
    by_row, of_all = exposure.maturity(lags, count)
    marks = [mark_of(value, book.threshold) for value in (*by_row.tolist(), of_all)]
    return marks[:-1], marks[-1]


def exposure_of_spend(
    mart: duckdb.DuckDBPyConnection, spent: dict[str, Any], rows: Ints, moments: Ints
) -> Exposure:
    """The lines of a report's spend; `rows` and `moments` are those of the lines."""
    return Exposure(rows, spent["spend"], channel_names(mart)[spent["dimension_id"]], moments)


def mark_of(share: float, threshold: float) -> dict[str, Any]:
    """Compared as it is shown, so that nobody reads 0.7 beside a flag for less than 0.7."""
    known = number_of(share)
    return {"maturity": known, "too_early": known is not None and known < threshold}


def number_of(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)
