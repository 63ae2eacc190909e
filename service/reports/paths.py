"""`/v1/paths`: which sequences of channels lead to conversions."""

from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from service.kit.money import count_to_number, to_number
from service.reports.attribution import load_chosen
from service.reports.credited import MILLION, exact_sums
from service.reports.journeys import DAY, decode_cursor, encode_cursor
from service.reports.load import Loaded
from service.reports.meta import describe, ratio
from service.reports.question import Question

LONGEST_PATH = 30

Ints = NDArray[Any]


def paths(
    mart: duckdb.DuckDBPyConnection, question: Question, limit: int = 50, cursor: str | None = None
) -> dict[str, Any]:
    """Conversions by path, most frequent first. A path is the tuple of the journey's channels, of
    which the last 30 are told apart; conversions without a journey have the empty path."""
    loaded, chosen = load_chosen(mart, question)
    kept = loaded.in_period if chosen is None else loaded.in_period & chosen
    group, example = _group(loaded)
    count = np.bincount(group[kept], minlength=len(example))
    value = exact_sums(group[kept], loaded.value[kept], len(example))
    order = np.lexsort((example, -value, -count))
    order = order[count[order] > 0]
    start = decode_cursor(cursor, int)[0] if cursor else 0
    page = order[start : start + limit]
    names = _channel_names(mart)
    rows = [
        {
            "path": _path(loaded, int(example[g]), names),
            "conversions": int(count[g]),
            "value": to_number(int(value[g]), question.currency),
            "share": ratio(int(count[g]), int(kept.sum())),
            "median_days": _median_days(loaded, np.flatnonzero((group == g) & kept)),
        }
        for g in page
    ]
    return {
        "rows": rows,
        "totals": {
            "paths": len(order),
            "conversions": count_to_number(int(kept.sum()) * MILLION),
            "value": to_number(int(loaded.value[kept].sum()), question.currency),
        },
        "next": encode_cursor(start + limit) if start + limit < len(order) else None,
        "meta": describe(mart, question, {"value": None, "conversions": None, "spend": None}),
    }


def _group(loaded: Loaded) -> tuple[Ints, Ints]:
    """Number of each conversion's path, and one conversion for each number.

    Paths are compared exactly, a position at a time over all journeys at once: the group so far
    and the next channel make the next group.
    """
    offsets, codes = loaded.journeys.offsets, loaded.journeys.channel.astype(np.int64)
    sizes = np.diff(offsets)
    width = int(codes.max(initial=0)) + 2
    group = np.zeros(len(sizes), np.int64)
    for back in range(1, min(int(sizes.max(initial=0)), LONGEST_PATH) + 1):
        has = sizes >= back
        channel = np.zeros(len(sizes), np.int64)
        channel[has] = codes[offsets[1:][has] - back] + 1
        _, group = np.unique(group * width + channel, return_inverse=True)
    _, example, group = np.unique(group, return_index=True, return_inverse=True)
    return group, example


def _path(loaded: Loaded, index: int, names: dict[int, str]) -> list[str]:
    start, end = loaded.journeys.offsets[index], loaded.journeys.offsets[index + 1]
    return [names[int(d)] for d in loaded.dimension_id[max(start, end - LONGEST_PATH) : end]]


def _channel_names(mart: duckdb.DuckDBPyConnection) -> dict[int, str]:
    return dict(mart.execute("SELECT dimension_id, channel FROM dimensions").fetchall())


def _median_days(loaded: Loaded, conversions: Ints) -> float | None:
    offsets = loaded.journeys.offsets
    with_path = conversions[np.diff(offsets)[conversions] > 0]
    if not len(with_path):
        return None
    first = loaded.journeys.touched_at[offsets[with_path]]
    days = (loaded.journeys.converted_at[with_path] - first) / DAY
    return round(float(np.median(days)), 2)
