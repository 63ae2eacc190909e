"""What became of everything that was sent, per source: counted in the transaction that decides it.

Invariant, at all times: a source's `accepted` is the number of its facts, and each code's count the
number of its items that lie open in the quarantine; what was received is accepted + duplicate +
dismissed + the codes. Flags (`flag:bot`) count accepted facts once more, and requests refused as a
whole (`request:body_too_large`) were never taken apart: neither is part of that sum.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

FLAG: Final = "flag:"
REQUEST: Final = "request:"
ENDED: Final = ("accepted", "duplicate", "dismissed")
HOUR: Final = 3_600_000_000
KEPT: Final = 14 * 24 * HOUR

_LATER = "CASE WHEN {0}.{1} IS NULL OR excluded.{1} > {0}.{1} THEN excluded.{1} ELSE {0}.{1} END"
_COUNTS = (
    "INSERT INTO intake_counts (source_id, outcome, count, last_at, newest_at) VALUES {} "
    "ON CONFLICT (source_id, outcome) DO UPDATE SET "
    "count = intake_counts.count + excluded.count, "
    f"last_at = {_LATER.format('intake_counts', 'last_at')}, "
    f"newest_at = {_LATER.format('intake_counts', 'newest_at')}"
)
_HOURS = (
    "INSERT INTO intake_hours (source_id, hour, outcome, count) VALUES {} "
    "ON CONFLICT (source_id, hour, outcome) DO UPDATE "
    "SET count = intake_hours.count + excluded.count"
)


@dataclass(slots=True)
class Count:
    """How many of one outcome; microseconds of the last arrival and of the newest `occurred_at`,
    None where nothing arrived or nothing tells of a moment."""

    count: int = 0
    last_at: int | None = None
    newest_at: int | None = None


class Tally:
    """The counts of one transaction."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, str], Count] = {}
        self._hours: dict[tuple[int, int, str], int] = {}

    def add(
        self,
        source_id: int,
        outcome: str,
        count: int,
        received_at: int | None,
        newest_at: int | None = None,
    ) -> None:
        """Count items of a source. Without `received_at` nothing arrived just now: an item's
        outcome changed."""
        if not count:
            return
        found = self._counts.setdefault((source_id, outcome), Count())
        found.count += count
        found.newest_at = _later(found.newest_at, newest_at)
        if received_at is not None:
            found.last_at = _later(found.last_at, received_at)
            if not outcome.startswith((FLAG, REQUEST)):
                hour = (source_id, received_at - received_at % HOUR, outcome)
                self._hours[hour] = self._hours.get(hour, 0) + count

    def write(self, connection: Connection) -> None:
        """Add the counts to the ledger's: one statement each for the totals and the hours."""
        _insert(
            connection,
            _COUNTS,
            [
                (*key, found.count, found.last_at, found.newest_at)
                for key, found in sorted(self._counts.items())
            ],
        )
        _insert(connection, _HOURS, [(*key, n) for key, n in sorted(self._hours.items())])


def _later(left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return right if left is None else left
    return max(left, right)


def newest(moments: Iterable[int]) -> int | None:
    """The latest of the moments, None where there are none."""
    return max(moments, default=None)


def _insert(connection: Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    if not rows:
        return
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    row = f"({', '.join([mark] * len(rows[0]))})"
    values = tuple(value for given in rows for value in given)
    connection.exec_driver_sql(statement.format(", ".join([row] * len(rows))), values)


def prune_hours(connection: Connection, newest_at: int) -> None:
    """Delete the hours that no rate is computed from any more, as of a moment in microseconds."""
    connection.exec_driver_sql(f"DELETE FROM intake_hours WHERE hour < {newest_at - KEPT:d}")
