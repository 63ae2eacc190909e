"""What the number in one cell of a report is made of, in whole numbers that add up to it.

A part is a conversion, a spend line or a visit. Rows, credit and sums come from what the reports
themselves are made with; that the parts make the report's number is checked before they are shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any, Literal

import duckdb
import numpy as np
from numpy.typing import NDArray

from service.kit.duck import fetch_columns
from service.kit.errors import ReconciliationError, Refusal
from service.reports.allocations import allocation_of
from service.reports.attribution import clock, load_chosen
from service.reports.credited import REASONS, Allocation, counts, exact_sums
from service.reports.groups import Groups
from service.reports.load import Loaded, load
from service.reports.question import GROUPS, TIMES, Question, as_value, values_of
from service.reports.roi import (
    SPEND_LINES,
    STAGES,
    VISITED,
    measures_of,
    noons,
    spend_parameters,
)

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Kind = Literal["row", "unattributed", "total"]
Made = Literal["conversions", "spend_lines", "visits"]
SPENT = ("spend", "impressions", "clicks")


@dataclass(frozen=True)
class Cell:
    """One row of a report by its labels, the unattributed row or the total.

    Attributes: labels: (grouping, value), the empty text for what is not set; reason: of the
    unattributed row only what is so for this one of REASONS, empty for all of it.
    """

    kind: Kind
    labels: tuple[tuple[str, str], ...] = ()
    reason: str = ""

    @classmethod
    def parse(cls, text: str) -> "Cell":
        r"""From `channel:paid_search,month:2026-03-01`, `unattributed`, `unattributed:no_person` or
        `total`; a comma inside a value is written `\,`, a backslash `\\`. Raises Refusal."""
        kind, _, reason = text.partition(":")
        if kind == "unattributed" and reason in ("", *REASONS):
            return cls("unattributed", (), reason)
        if text == "total":
            return cls("total")
        labels: list[tuple[str, str]] = []
        for pair in values_of(text):
            name, colon, value = pair.partition(":")
            if name not in GROUPS or not colon or name in dict(labels):
                raise Refusal(
                    "bad_cell",
                    "cell",
                    "write the row's labels like channel:paid_search,month:2026-03-01, each once; "
                    "or unattributed, alone or with a colon and a reason; or total; "
                    f"groupings are {', '.join(GROUPS)}; reasons {', '.join(REASONS)}",
                )
            if name in TIMES and not _is_day(value):
                raise Refusal(
                    "bad_cell", "cell", f"a {name} is written as its first day, like 2026-03-01"
                )
            labels.append((name, value))
        return cls("row", tuple(labels))

    def __str__(self) -> str:
        if self.kind != "row":
            return f"{self.kind}:{self.reason}" if self.reason else self.kind
        return ",".join(f"{name}:{as_value(value)}" for name, value in self.labels)

    def grouped(self, question: Question, grouping_given: bool) -> Question:
        """The question with the cell's groupings; one that was given must hold them all.

        Raises: Refusal.
        """
        names = tuple(name for name, _ in self.labels)
        if not names or set(names) <= set(question.group_by):
            return question
        if grouping_given:
            raise Refusal(
                "bad_cell",
                "cell",
                f"the report's rows are labelled by {', '.join(question.group_by)} only",
            )
        return replace(question, group_by=names)

    def holds(self, labels: dict[str, str | None]) -> bool:
        """Whether a row with these labels belongs to the cell."""
        return all((labels[name] or "") == value for name, value in self.labels)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@dataclass(frozen=True, eq=False)
class Parts:
    """`keys` (conversion_key, or seq) with their amounts, none of them zero, the greatest first."""

    made: Made
    keys: Ints
    amounts: Ints
    total: int


class Drill:
    """One report's cell: the parts of each of its measures."""

    def __init__(
        self, mart: duckdb.DuckDBPyConnection, question: Question, report: str, cell: Cell
    ) -> None:
        self.question, self.report, self.cell = question, report, cell
        self._mart = mart
        self.groups = Groups(mart, question)

    @cached_property
    def _loading(self) -> tuple[Loaded, dict[str, tuple[Ints, Bools]]]:
        if self.report == "attribution":
            loaded, chosen = load_chosen(self._mart, self.question)
            every = np.ones(len(loaded.value), bool) if chosen is None else np.asarray(chosen)
            return loaded, {"conversions": (counts(loaded), every), "value": (loaded.value, every)}
        loaded = load(self._mart, self.question, STAGES)
        return loaded, measures_of(loaded, self.question)

    @property
    def loaded(self) -> Loaded:
        return self._loading[0]

    @cached_property
    def allocation(self) -> Allocation:
        return allocation_of(self._mart, self.loaded, self.question, self.question.models[0])

    @cached_property
    def _touch_rows(self) -> Ints:
        loaded = self.loaded
        return self.groups.rows_of(
            loaded.dimension_id, loaded.page_id, clock(loaded, self.question)
        )

    def amounts(self, measure: str) -> Ints:
        """int64[n]: what each conversion gives away in all, zero where the measure leaves it out."""
        amounts, chosen = self._loading[1][measure]
        return np.where(chosen, amounts, 0)

    def credit(self, measure: str) -> Ints:
        """int64[m]: what each touchpoint gives to the cell."""
        return np.where(
            self._inside(self._touch_rows), self.allocation.counted_credit(self.amounts(measure)), 0
        )

    def parts(self, measure: str) -> Parts:
        """What makes the measure's number. Raises ReconciliationError where it does not."""
        if measure in SPENT:
            return self._spent(measure)
        return self._visits() if measure == "visits" else self._conversions(measure)

    def _inside(self, rows: Ints) -> Bools:
        """Which rows (-1: left out by a filter) belong to the cell."""
        if self.cell.kind == "unattributed":
            return np.zeros(len(rows), bool)
        if self.cell.kind == "total":
            return rows >= 0
        return (rows >= 0) & self._mine().take(np.maximum(rows, 0), mode="clip")

    def _mine(self) -> Bools:
        names = self.question.group_by
        found = [
            self.cell.holds(dict(zip(names, label, strict=True))) for label in self.groups.labels
        ]
        return np.asarray(found or [False], bool)

    def _conversions(self, measure: str) -> Parts:
        loaded, amounts, credit = self.loaded, self.amounts(measure), self.credit(measure)
        given = np.flatnonzero(credit)
        parts = exact_sums(loaded.journeys.journey[given], credit[given], len(amounts))
        if self.cell.kind != "row" and not self.question.filters:
            parts += np.where(self._unearned(), amounts, 0)
        whole = self.allocation.gather(amounts, self._touch_rows, len(self.groups.labels))
        total = {
            "row": lambda: int(whole.rows[self._mine()[: len(whole.rows)]].sum()),
            "unattributed": lambda: sum(
                units
                for reason, units in whole.unattributed.items()
                if self.cell.reason in ("", reason)
            ),
            "total": lambda: whole.shown,
        }[self.cell.kind]()
        return _proved("conversions", loaded.conversions["conversion_key"], parts, total)

    def _unearned(self) -> Bools:
        """bool[n]: the conversions of the period that no touchpoint earned, for the cell's reason."""
        idle, reason = self.allocation.idle, self.cell.reason
        return idle & (self.allocation.reasons() == REASONS.index(reason)) if reason else idle

    def _spent(self, measure: str) -> Parts:
        lines = fetch_columns(self._mart, SPEND_LINES, spend_parameters(self.question))
        amounts = np.ma.filled(lines[measure], 0).astype(np.int64)
        rows = self.groups.rows_of(lines["dimension_id"], None, noons(lines["day"], self.question))
        inside = self._inside(rows)
        total = int(amounts[inside].sum())
        return _proved("spend_lines", lines["seq"], np.where(inside, amounts, 0), total)

    def _visits(self) -> Parts:
        period = self.question.period
        visits = fetch_columns(
            self._mart,
            "SELECT seq, dimension_id, COALESCE(page_id, 0) AS page_id, occurred_at "
            f"FROM touchpoints WHERE {VISITED}",
            [period.start_micros, period.end_micros],
        )
        rows = self.groups.rows_of(visits["dimension_id"], visits["page_id"], visits["occurred_at"])
        inside = self._inside(rows)
        one = np.ones(len(rows), np.int64)
        return _proved("visits", visits["seq"], np.where(inside, one, 0), int(inside.sum()))


def _proved(made: Made, keys: Any, amounts: Ints, total: int) -> Parts:
    """Without the zeros, greatest first, equal ones by key. Raises ReconciliationError."""
    chosen = np.flatnonzero(amounts)
    keys, amounts = np.asarray(keys)[chosen].astype(np.int64), amounts[chosen]
    if int(amounts.sum()) != total:
        raise ReconciliationError(
            "not_reconciled", f"the parts make {int(amounts.sum())}, the report says {total}"
        )
    order = np.lexsort((keys, -amounts))
    return Parts(made, keys[order], amounts[order], total)


def page_of(parts: Parts, limit: int, after: Sequence[int] | None) -> tuple[Ints, int]:
    """Places of the parts on the page after (amount, key), and of the first one beyond it."""
    start = 0
    if after is not None:
        amount, key = after
        later = (parts.amounts < amount) | ((parts.amounts == amount) & (parts.keys > key))
        start = int(len(parts.keys) - later.sum())
    end = min(start + limit, len(parts.keys))
    return np.arange(start, end), end
