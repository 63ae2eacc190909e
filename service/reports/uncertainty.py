"""How sure a report is: the group bootstrap of credit, and the intervals that follow from it.

Whole people are drawn; with scope `account` whole accounts, whose people share their journeys. What
was spent is taken as given: it was paid, whoever had come by.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from service.attribution.bootstrap import (
    DRAWS,
    GROUPS,
    LEVEL,
    SEED,
    Floats,
    bounds,
    quotients,
    redraw,
)
from service.kit.duck import fetch_columns
from service.kit.errors import Refusal
from service.kit.money import count_to_number, to_number
from service.reports.credited import MILLION, Allocation, Credit, exact_sums
from service.reports.load import Loaded
from service.reports.question import Question

Ints = NDArray[np.int64]
Interval = list[int | float | None] | None
MOST_ROWS = 20_000

_GROUPS = f"""
SELECT c.conversion_key, CAST(CAST('0x' || SUBSTR(MD5(COALESCE(
    CASE WHEN $scope = 'account' THEN c.account_key END, people.public_id, c.conversion_id
)), 1, 8) AS BIGINT) % {GROUPS} AS BIGINT) AS dealt
FROM conversions AS c LEFT JOIN people ON people.person_id = c.person_id
WHERE LIST_CONTAINS($stages, c.stage) AND c.occurred_at >= $start AND c.occurred_at <= $last
ORDER BY c.conversion_key
"""


def about(question: Question) -> dict[str, Any]:
    """What an answer says of its intervals."""
    return {
        "method": "group_bootstrap",
        "level": LEVEL,
        "groups": GROUPS,
        "draws": DRAWS,
        "seed": SEED,
        "drawn": question.scope,
        "spend": "taken as given",
    }


def groups_of(
    mart: duckdb.DuckDBPyConnection, loaded: Loaded, question: Question, stages: Sequence[str]
) -> Ints:
    """int64[n], the group of each conversion's person: by a hash of the public id, so the same
    whatever the order of arrival. A conversion of nobody is dealt by its own id."""
    at = loaded.conversions["occurred_at"]
    found = fetch_columns(
        mart,
        _GROUPS,
        {
            "scope": question.scope,
            "stages": list(stages),
            "start": int(at.min(initial=0)),
            "last": int(at.max(initial=0)),
        },
    )
    place = np.searchsorted(found["conversion_key"], loaded.conversions["conversion_key"])
    return np.asarray(found["dealt"][place], np.int64)


@dataclass(frozen=True, eq=False)
class Measured:
    """One measure under one model. `by_group` int64[GROUPS, rows] adds up to `credit.rows`, `shown`
    int64[GROUPS] to `credit.shown`."""

    credit: Credit
    by_group: Ints
    shown: Ints

    @cached_property
    def draws(self) -> Floats:
        """float64[DRAWS, rows]"""
        return redraw(self.by_group)

    @cached_property
    def shares(self) -> Floats:
        """float64[DRAWS, rows] of the draw's own whole, NaN where that is nothing."""
        return quotients(self.draws, redraw(self.shown[:, None]))


class Resampling:
    """The people of a question's conversions dealt into groups; serves every model and measure."""

    def __init__(
        self,
        loaded: Loaded,
        question: Question,
        groups: Ints,
        rows: Ints,
        row_count: int,
    ) -> None:
        """Args: groups int64[n]; rows int64[m], -1 where filtered out.

        Raises: Refusal where there are more rows than intervals can be computed for.
        """
        if row_count > MOST_ROWS:
            raise Refusal(
                "too_many_rows",
                "group_by",
                f"intervals are given for up to {MOST_ROWS} rows, these are {row_count}; "
                "group or filter more narrowly, or ask without intervals",
            )
        self._loaded, self._groups, self._row_count = loaded, groups, row_count
        self._filtered = bool(question.filters)
        owner = groups.take(loaded.journeys.journey)
        self._cells = np.where(rows >= 0, owner * row_count + rows, -1)

    def measure(self, allocation: Allocation, amounts: Ints, chosen: Any = None) -> Measured:
        """The credit of a measure by group and row; arguments as of `Allocation.gather`."""
        cells = GROUPS * self._row_count
        credit = allocation.gather(amounts, self._cells, cells, chosen)
        by_group = credit.rows.reshape(GROUPS, self._row_count)
        shown = by_group.sum(axis=1)
        if not self._filtered:
            idle = self._loaded.in_period & ~allocation.has_credit
            idle = idle if chosen is None else idle & chosen
            shown = shown + exact_sums(self._groups[idle], amounts[idle], GROUPS)
        return Measured(replace(credit, rows=by_group.sum(axis=0)), by_group, shown)


def money_intervals(draws: Floats, currency: str) -> list[Interval]:
    """One a column of draws in minor units."""
    return [_whole(low, high, currency) for low, high in bounds(draws).T.tolist()]


def count_intervals(draws: Floats) -> list[Interval]:
    """One a column of draws in millionths."""
    return [
        [count_to_number(int(low)), count_to_number(int(high))]
        for low, high in bounds(draws).T.tolist()
    ]


def ratio_intervals(draws: Floats) -> list[Interval]:
    """One a column of quotients; None where no draw had a base."""
    return [
        None if np.isnan(low) else [round(low, 6), round(high, 6)]
        for low, high in bounds(draws).T.tolist()
    ]


def return_intervals(draws: Floats, spend: Ints, less: int = 0) -> list[Interval]:
    """Of revenue ÷ spend (ROAS), with `less` 1 of (revenue - spend) ÷ spend (ROI)."""
    return ratio_intervals(quotients(draws, spend.astype(np.float64)[None, :]) - less)


def cost_intervals(draws: Floats, spend: Ints, currency: str) -> list[Interval]:
    """Of spend for one conversion, draws in millionths. A bound is None where it is infinite: in
    more than one of forty draws nobody converted; the whole interval where nothing was spent."""
    with np.errstate(divide="ignore", invalid="ignore"):
        costs = spend.astype(np.float64)[None, :] * MILLION / draws
    return [
        None if paid == 0 else _whole(low, high, currency)
        for paid, (low, high) in zip(spend.tolist(), bounds(costs).T.tolist(), strict=True)
    ]


def _whole(low: float, high: float, currency: str) -> Interval:
    ends: list[int | float | None] = [
        to_number(round(end), currency) if np.isfinite(end) else None for end in (low, high)
    ]
    return None if ends == [None, None] else ends
