"""How sure a report is: the group bootstrap of credit, and the intervals that follow from it.

Whole people are drawn; with scope `account` whole accounts, whose people share their journeys. What
was spent is taken as given: it was paid, whoever had come by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from service.reports.hazard import IncrementalAllocation
from service.reports.hazard_draws import HazardDraws
from service.reports.load import Loaded
from service.reports.population import PopulationAllocation
from service.reports.population_draws import People, dealt, draw_credit
from service.reports.question import Question

Ints = NDArray[np.int64]
Interval = list[int | float | None] | None
MOST_ROWS = 20_000

_IDENTITY = "COALESCE(CASE WHEN $scope = 'account' THEN c.account_key END, people.public_id, c.conversion_id)"
_GROUPS = f"""
SELECT c.conversion_key, {dealt(_IDENTITY)} AS dealt
FROM conversions AS c LEFT JOIN people ON people.person_id = c.person_id
WHERE LIST_CONTAINS($stages, c.stage) AND c.occurred_at >= $start AND c.occurred_at <= $last
ORDER BY c.conversion_key
"""


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
    """One measure under one model. `draws` float64[DRAWS, rows] are what `credit.rows` are in each
    draw, `shown` float64[DRAWS] what `credit.shown` is; NaN where `undrawn` says why."""

    credit: Credit
    draws: Floats
    shown: Floats
    undrawn: Refusal | None = None

    @cached_property
    def shares(self) -> Floats:
        """float64[DRAWS, rows] of the draw's own whole, NaN where that is nothing."""
        return quotients(self.draws, self.shown[:, None])


def about(question: Question, measured: Mapping[str, Sequence[Measured]]) -> dict[str, Any]:
    """What an answer says of its intervals; `measured` by model."""
    undrawn = {name: [m.undrawn for m in all_of if m.undrawn] for name, all_of in measured.items()}
    return {
        "method": "group_bootstrap",
        "level": LEVEL,
        "groups": GROUPS,
        "draws": DRAWS,
        "seed": SEED,
        "drawn": question.scope,
        "spend": "taken as given",
        "undrawn": [told(name, reasons[0]) for name, reasons in undrawn.items() if reasons],
    }


def told(model: str, refusal: Refusal) -> dict[str, str]:
    """Why there is something of the model that the answer does not hold."""
    return {"model": model, "code": refusal.code, "message": refusal.detail}


class Resampling:
    """The people of a question's conversions dealt into groups; serves every model and measure."""

    def __init__(
        self,
        mart: duckdb.DuckDBPyConnection,
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
        self._mart, self._scope = mart, question.scope
        self._loaded, self._groups = loaded, groups
        self._rows, self._row_count = rows, row_count
        self._filtered = bool(question.filters)
        self._hazards: dict[tuple[IncrementalAllocation, int], HazardDraws] = {}

    def measure(self, allocation: Allocation, amounts: Ints, chosen: Any = None) -> Measured:
        """The credit of a measure and its draws; arguments as of `Allocation.gather`."""
        amounts = amounts if chosen is None else np.where(chosen, amounts, 0)
        if not amounts.any():
            nothing = np.zeros((DRAWS, self._row_count))
            return Measured(
                allocation.gather(amounts, self._rows, self._row_count), nothing, np.zeros(DRAWS)
            )
        whole = allocation.credit_of(amounts)
        shown = allocation.dated(whole)
        by_group = self._by_group(shown)
        credit = allocation.gathered(amounts, shown, by_group.sum(axis=0))
        undrawn, idle = None, self._idle(allocation, amounts)
        try:
            if isinstance(allocation, PopulationAllocation):
                draws = self._drawn_anew(allocation, amounts, whole)
            elif isinstance(allocation, IncrementalAllocation):
                draws, idle = self._by_hazard(allocation, amounts, brought=False)
            else:
                draws = redraw(by_group[:, 1:])
        except Refusal as refusal:
            undrawn, draws = refusal, np.full((DRAWS, self._row_count), np.nan)
        return Measured(credit, draws, draws.sum(axis=1) + idle, undrawn)

    def brought(
        self, allocation: IncrementalAllocation, amounts: Ints, chosen: Any = None
    ) -> Floats:
        """float64[DRAWS, rows], what would not have happened without each row, in every draw; NaN
        where `measure` says why not. Arguments as of `Allocation.caused`."""
        amounts = amounts if chosen is None else np.where(chosen, amounts, 0)
        if not amounts.any():
            return np.zeros((DRAWS, self._row_count))
        try:
            return self._by_hazard(allocation, amounts, brought=True)[0]
        except Refusal:
            return np.full((DRAWS, self._row_count), np.nan)

    def _by_hazard(
        self, allocation: IncrementalAllocation, amounts: Ints, *, brought: bool
    ) -> tuple[Floats, Floats]:
        """Of rows and of what nobody earned, each conversion divided by the rates of the draw."""
        stage = self._stage_of(amounts)
        known = self._hazards.get((allocation, stage))
        if known is None:
            known = HazardDraws(allocation, stage, self._groups, self._people)
            self._hazards[allocation, stage] = known
        rows = np.where(allocation.touch_counts, self._rows, -1)
        draws, idle = known.draw(amounts, rows, self._row_count, brought=brought)
        return draws, np.zeros(DRAWS) if self._filtered else idle

    def _stage_of(self, amounts: Ints) -> int:
        """The one stage that the conversions of a measure are of."""
        (stage,) = np.unique(self._loaded.conversions["stage"][amounts != 0]).tolist()
        return int(stage)

    def _by_group(self, credit: Ints) -> Ints:
        """int64[GROUPS, 1 + rows], first what no row shows."""
        width = self._row_count + 1
        return exact_sums(self._cells, credit, GROUPS * width).reshape(GROUPS, width)

    def _drawn_anew(self, allocation: PopulationAllocation, amounts: Ints, credit: Ints) -> Floats:
        """The model fitted in every draw."""
        stage = self._stage_of(amounts)
        rows = np.where(allocation.touch_counts, self._rows, -1)
        return draw_credit(
            allocation, stage, amounts, credit, rows, self._row_count, self._groups, self._people
        )

    def _idle(self, allocation: Allocation, amounts: Ints) -> Floats:
        """float64[DRAWS], what nobody earned; filters keep nothing of it."""
        if self._filtered:
            return np.zeros(DRAWS)
        idle = allocation.idle
        return redraw(exact_sums(self._groups[idle], amounts[idle], GROUPS)[:, None])[:, 0]

    @cached_property
    def _cells(self) -> Ints:
        """The group and row of each touchpoint as one number; those that no row shows come first."""
        group = self._groups.take(self._loaded.journeys.journey)
        return group * (self._row_count + 1) + self._rows + 1

    @cached_property
    def _people(self) -> People:
        return People(self._mart, self._scope)


def money_intervals(draws: Floats, currency: str) -> list[Interval]:
    """One a column of draws in minor units."""
    return [_whole(low, high, currency) for low, high in bounds(draws).T.tolist()]


def count_intervals(draws: Floats) -> list[Interval]:
    """One a column of draws in millionths."""
    return [
        None if np.isnan(low) else [count_to_number(int(low)), count_to_number(int(high))]
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
