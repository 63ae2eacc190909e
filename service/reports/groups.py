"""Rows of a report: which row each touchpoint and each spend line belongs to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
from numpy.typing import NDArray

from service.reports.campaigns import campaign_labels, key_of
from service.reports.question import DIMENSIONS, TIMES, Question

Label = str | None
Codes = NDArray[Any]

_DIMENSIONS = """
SELECT dimension_id, channel, source, medium, campaign, content, term, touch_kind
FROM dimensions ORDER BY dimension_id
"""


@dataclass(frozen=True, eq=False)
class Facet:
    """One grouping: a code per key (dimension_id, page_id or day number) and a label per code."""

    name: str
    codes: Codes
    labels: Sequence[Label]


class Groups:
    """The rows of one question: codes for touchpoints and for spend, labels for both."""

    def __init__(self, mart: duckdb.DuckDBPyConnection, question: Question) -> None:
        self.names = question.group_by
        self._zone = question.period.zone
        self._facets: dict[str, Facet] = {}
        named = mart.execute(_DIMENSIONS).fetchnumpy()
        ids = named["dimension_id"]
        self._width = int(ids.max(initial=0)) + 1
        wanted = {n for n in self.names if n in DIMENSIONS} | {
            n for n, _ in question.filters if n in DIMENSIONS
        }
        for name in wanted:
            labels = campaign_labels(mart) if name == "campaign" else _labels(named[name])
            self._facets[name] = _facet(name, ids, labels)
        if "landing_page" in self.names or any(n == "landing_page" for n, _ in question.filters):
            pages = mart.execute("SELECT page_id, host || path AS page FROM pages").fetchnumpy()
            self._facets["landing_page"] = _facet(
                "landing_page", pages["page_id"], _labels(pages["page"])
            )
        self._filters = question.filters
        self._rows: dict[tuple[Label, ...], int] = {}

    def rows_of(self, dimension_id: Codes, page_id: Codes | None, moment: Codes) -> Codes:
        """The row of each touchpoint; -1 where a filter leaves it out.

        Args: page_id None for spend, which has no page; moment: microseconds, for time groups.
        """
        count = len(dimension_id)
        parts, labels = [], []
        for name in self.names:
            if name in TIMES:
                code, text = _time_codes(moment, name, self._zone)
            elif name == "landing_page":
                facet = self._facets[name]
                code = np.zeros(count, np.int64) if page_id is None else facet.codes[page_id]
                text = facet.labels
            else:
                code, text = self._facets[name].codes[dimension_id], self._facets[name].labels
            parts.append(code)
            labels.append(text)
        rows = self._register(parts, labels, count)
        for name, allowed in self._filters:
            keep = self._allowed(name, allowed, dimension_id, page_id)
            rows = np.where(keep, rows, -1)
        return rows

    @property
    def labels(self) -> list[tuple[Label, ...]]:
        """One label per grouping for each row, in the order of the rows' numbers."""
        return list(self._rows)

    def kept(self) -> tuple[list[int], list[int] | None]:
        """The dimension_ids that the filters keep, and the page_ids where pages are filtered."""
        widths = [len(f.codes) for n, f in self._facets.items() if n != "landing_page"]
        dimensions = np.arange(max(widths, default=self._width))
        pages: list[int] | None = None
        for name, allowed in self._filters:
            if name == "landing_page":
                every = np.arange(len(self._facets[name].codes))
                pages = every[self._allowed(name, allowed, every, every)].tolist()
            else:
                dimensions = dimensions[self._allowed(name, allowed, dimensions, None)]
        return dimensions.tolist(), pages

    def _allowed(
        self, name: str, allowed: Sequence[str], dimension_id: Codes, page_id: Codes | None
    ) -> NDArray[np.bool_]:
        facet = self._facets[name]
        if name == "campaign":  # in whatever way it is written
            keys = {key_of(value) for value in allowed}
            good = np.array([key_of(label or "") in keys for label in facet.labels])
        else:
            good = np.array([(label or "") in allowed for label in facet.labels])
        if name == "landing_page":
            return (
                good[facet.codes[page_id]]
                if page_id is not None
                else np.zeros(len(dimension_id), bool)
            )
        return good[facet.codes[dimension_id]]

    def _register(self, parts: list[Codes], labels: list[Sequence[Label]], count: int) -> Codes:
        combined = np.zeros(count, np.int64)
        for code, text in zip(parts, labels, strict=True):
            combined = combined * len(text) + code
        found, inverse = _distinct(combined, int(np.prod([len(t) for t in labels])))
        numbers = np.zeros(len(found), np.int64)
        for position, code in enumerate(found.tolist()):
            key: list[Label] = []
            for text in reversed(labels):
                code, rest = divmod(code, len(text))
                key.append(text[rest])
            numbers[position] = self._rows.setdefault(tuple(reversed(key)), len(self._rows))
        return numbers[inverse]


def _distinct(codes: Codes, width: int) -> tuple[Codes, Codes]:
    """np.unique with inverse, by counting where the codes are few: sorting a million is slower."""
    if width > 4 * len(codes) + 1_000_000:
        return np.unique(codes, return_inverse=True)
    found = np.flatnonzero(np.bincount(codes, minlength=1))
    place = np.zeros(int(codes.max(initial=0)) + 1, np.int64)
    place[found] = np.arange(len(found))
    return found, place[codes]


def _labels(column: Any) -> list[Label]:
    if np.ma.isMaskedArray(column):
        return [
            None if m else str(v)
            for v, m in zip(column.data, np.ma.getmaskarray(column), strict=True)
        ]
    return [None if v is None else str(v) for v in column]


def _facet(name: str, ids: Any, labels: list[Label]) -> Facet:
    """Code 0 is always the empty label, that of keys the mart does not know."""
    numbers: dict[Label, int] = {None: 0}
    codes = np.zeros(int(ids.max(initial=0)) + 1, np.int64)
    for key, label in zip(ids.tolist(), labels, strict=True):
        codes[key] = numbers.setdefault(label, len(numbers))
    return Facet(name, codes, list(numbers))


def _time_codes(moment: Codes, name: str, zone: ZoneInfo) -> tuple[Codes, Sequence[Label]]:
    if len(moment) == 0:
        return moment, [None]
    days, first = local_days(moment, zone)
    start = _START[name]
    number: dict[date, int] = {}
    codes = [
        number.setdefault(start(first + timedelta(days=d)), len(number))
        for d in range(int(days.max()) + 1)
    ]
    return np.asarray(codes, np.int64)[days], [day.isoformat() for day in number]


def local_days(moment: Codes, zone: ZoneInfo) -> tuple[Codes, date]:
    """Days since the first day among the moments, counted in the zone, and that first day."""
    low = datetime.fromtimestamp(int(moment.min()) / 1e6, UTC).astimezone(zone).date()
    high = datetime.fromtimestamp(int(moment.max()) / 1e6, UTC).astimezone(zone).date()
    edges = [
        int(datetime(d.year, d.month, d.day, tzinfo=zone).timestamp() * 1_000_000)
        for d in (low + timedelta(days=n) for n in range((high - low).days + 2))
    ]
    return np.searchsorted(np.asarray(edges), moment, side="right") - 1, low


_START: dict[str, Callable[[date], date]] = {
    "day": lambda day: day,
    "week": lambda day: day - timedelta(days=day.weekday()),
    "month": lambda day: day.replace(day=1),
}
