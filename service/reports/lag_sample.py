"""The conversions whose lags are looked at, with their journeys: read once for each state of a mart."""

from dataclasses import dataclass, replace
from datetime import timedelta

import duckdb
import numpy as np
from numpy.typing import NDArray

from service.kit.duck import fetch_columns
from service.kit.time import MICROSECOND
from service.reports.load import FOREVER, Loaded, load, lookback_micros
from service.reports.question import Question

Ints = NDArray[np.int64]
HISTORY = timedelta(days=365) // MICROSECOND
"""Touches older than this, and than twice the lookback, tell nothing of today."""
MOST = 4_000
"""Conversions looked at; of more, those whose id has the smallest MD5: at random, and always the
same. A share of them is known to less than 1.6 hundredths either way, nineteen times of twenty."""


@dataclass(frozen=True, eq=False)
class LagSample:
    """Conversions of one stage and the touches of their journeys.

    Attributes:
        now: microseconds; the newest moment the mart knows, from which ages are counted.
        since: microseconds; older touches tell nothing.
        loaded: with all touches that the longest lookback of the same `span` makes eligible.
    """

    now: int
    since: int
    loaded: Loaded

    def within(self, question: Question) -> Loaded:
        """With the touches that are eligible by the question's lookback."""
        seen = self.loaded.journeys
        kept = seen.converted_at[seen.journey] - seen.touched_at <= lookback_micros(question)
        counts = np.bincount(seen.journey[kept], minlength=seen.journey_count)
        journeys = replace(
            seen,
            offsets=np.append(0, np.cumsum(counts)).astype(np.int64),
            touched_at=seen.touched_at[kept],
            channel=seen.channel[kept],
            is_direct=seen.is_direct[kept],
            channel_class=seen.channel_class[kept],
        )
        return replace(
            self.loaded,
            journeys=journeys,
            dimension_id=self.loaded.dimension_id[kept],
            page_id=self.loaded.page_id[kept],
            touch_seq=self.loaded.touch_seq[kept],
        )


def span_of(question: Question) -> int | None:
    """How far back touches are looked at, in microseconds; None: all."""
    if question.lookback is None:
        return None
    return max(HISTORY, 2 * lookback_micros(question))


def take_sample(mart: duckdb.DuckDBPyConnection, question: Question, stage: str) -> LagSample:
    """The sample of a stage for the question's scope and `span_of`. Needs the table `factors`."""
    now, span = newest_moment(mart), span_of(question)
    since = -FOREVER if span is None else now - span
    counted = "won" if stage == "repeat" else stage
    keys = mart.execute(
        "SELECT conversion_key FROM conversions WHERE stage = $stage AND occurred_at >= $since "
        "ORDER BY MD5(conversion_id), conversion_id LIMIT $most",
        {"stage": counted, "since": since, "most": MOST},
    ).fetchnumpy()["conversion_key"]
    longest = None if span is None else timedelta(microseconds=span // 2)
    whole = replace(question, lookback=longest)
    loaded = load(mart, whole, [counted], keys.tolist(), stage == "repeat")
    return LagSample(now, since, loaded)


def newest_moment(mart: duckdb.DuckDBPyConnection) -> int:
    """The newest moment at which anything happened that the mart knows; 0 where nothing did."""
    found: int = mart.execute(
        "SELECT COALESCE(GREATEST((SELECT MAX(occurred_at) FROM touchpoints), "
        "(SELECT MAX(occurred_at) FROM conversions)), 0)"
    ).fetchall()[0][0]
    return found


def channel_names(mart: duckdb.DuckDBPyConnection) -> NDArray[np.object_]:
    """The channel of each dimension_id; empty for one that the mart does not know."""
    rows = fetch_columns(
        mart, "SELECT dimension_id, COALESCE(channel, '') AS channel FROM dimensions"
    )
    names = np.full(int(rows["dimension_id"].max(initial=0)) + 1, "", dtype=object)
    names[rows["dimension_id"]] = rows["channel"]
    return names
