"""Credit of the `incremental` model drawn again: what it attributes, and what would not have been.

The people of the panel are dealt into the groups of every other model, and the rates of a draw are
those of the people drawn; each conversion is divided anew by them.
"""

import numpy as np
from numpy.typing import NDArray

from service.attribution.bootstrap import Floats, draw_weights
from service.attribution.hazard_draws import causes_of, draw_causes, draw_rates
from service.reports.hazard import IncrementalAllocation
from service.reports.panels import Populated
from service.reports.population_draws import People

Ints = NDArray[np.int64]


class HazardDraws:
    """The rates of every draw of one stage, and credit by them."""

    def __init__(
        self, allocation: IncrementalAllocation, stage: int, groups: Ints, people: People
    ) -> None:
        """Args: stage: its place among those loaded; groups: int64[n], of each loaded conversion.

        Raises: Refusal as `draw_rates`.
        """
        self._allocation = allocation
        self._populated, self._hazard = allocation.fitted(stage)
        found = self._populated
        self._groups = groups[found.reached]
        dealt = groups_of_units(found, self._groups, people)
        self._rates = draw_rates(found.panel, self._hazard, dealt, draw_weights())

    def draw(
        self, amounts: Ints, rows: Ints, row_count: int, *, brought: bool
    ) -> tuple[Floats, Floats]:
        """float64[DRAWS, row_count], the credit of each row in each draw, and float64[DRAWS], what
        of the conversions in the period nothing earned in it.

        Args: amounts: int64[n] of conversions of the stage; rows: int64[m], -1 where none shows the
        touch; brought: what would not have happened instead of what is attributed.
        """
        found, loaded = self._populated, self._allocation.loaded
        reached = found.reached
        kept = np.flatnonzero(amounts[reached])
        sizes = np.diff(loaded.journeys.offsets)
        chosen = np.zeros(len(amounts), bool)
        chosen[reached[kept]] = True
        mine = np.flatnonzero(chosen[loaded.journeys.journey])
        causes = causes_of(
            self._hazard,
            np.append(0, np.cumsum(sizes[reached[kept]])),
            (found.state[mine], found.age[mine], found.live[mine]),
            found.again[kept],
            rows[mine],
            with_baseline=brought,
        )
        given = amounts[reached[kept]]
        return draw_causes(
            causes,
            self._rates,
            draw_weights(),
            self._groups[kept],
            given,
            np.where(loaded.in_period[reached[kept]], given, 0),
            row_count,
        )


def groups_of_units(found: Populated, groups: Ints, people: People) -> Ints:
    """int64[u]: a unit is drawn where its first loaded conversion is, and where none is loaded with
    the person who was touched first. One that never was has no part in the fit."""
    dealt = np.zeros(len(found.person), np.int64)
    touched = found.person >= 0
    dealt[touched] = people.groups(found.person[touched])
    owned = np.flatnonzero(found.unit >= 0)[::-1]
    dealt[found.unit[owned]] = groups[owned]
    return dealt
