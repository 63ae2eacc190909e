"""Credit of the `incremental` model, and what would not have happened without each touchpoint."""

from collections.abc import Hashable
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from functools import cached_property
from hashlib import blake2b

import duckdb
import numpy as np

from service.attribution.credit import allocate_journeys
from service.attribution.incremental import (
    WEIGHT_BITS,
    Chances,
    Hazard,
    chances,
    fit_incremental,
    settled,
)
from service.attribution.models import ModelSpec
from service.attribution.panel import Panel
from service.attribution.segments import segment_sums
from service.attribution.working import Working, number
from service.kit.memory import Memory
from service.reports.credited import Allocation, Bools, Ints, exact_sums
from service.reports.load import Loaded, load
from service.reports.once import once
from service.reports.panels import Populated, populate
from service.reports.population import places_in
from service.reports.question import Question
from service.reports.wholes import LoadWhole

REMEMBERED = 64


class IncrementalAllocation(Allocation):
    """A hazard is fitted to all people and days of the question, one for each stage, and each
    conversion is divided by what it says of its own touchpoints.

    Attributed credit leaves the baseline out: it goes to touchpoints as with every model.
    `caused_by` keeps it: what it gives to touchpoints would not have happened without them.
    """

    def __init__(
        self,
        mart: duckdb.DuckDBPyConnection,
        loaded: Loaded,
        question: Question,
        model: ModelSpec,
        load_whole: LoadWhole = load,
    ) -> None:
        self._mart, self._question, self._model = mart, question, model
        self._load_whole = load_whole
        self._fits: dict[int, tuple[Populated, Hazard]] = {}
        self._loaded = loaded
        self._chances = self._cut() if loaded.is_excerpt else once(loaded, self._key(), self._weigh)
        self._weights = self._chances.credit
        self._offsets, self._steps = loaded.journeys.offsets, None
        self._begin(loaded, question, segment_sums(self._weights, self._offsets) > 0)

    def _key(self) -> Hashable:
        """What the chances depend on, besides what is loaded."""
        return str(self._model), replace(self._question, models=(), filters=())

    @property
    def chances(self) -> Chances:
        """What brought each conversion."""
        return self._chances

    def workings(self, _: timedelta | None, /) -> list[Working]:
        """Of each touch of the one loaded journey the part of the day's rate that is its own."""
        found, whole = self._chances, 2**WEIGHT_BITS
        together = number(int(found.touch.sum()) / whole)
        return [
            Working(
                f"b S / rate = {number(touch / whole)} of the {together} of all touches "
                f"({number(int(found.baseline[0]) / whole)}: it would have come anyway)",
                Fraction(credit, whole),
            )
            for touch, credit in zip(found.touch.tolist(), found.credit.tolist(), strict=True)
        ]

    def caused_by(self, amounts: Ints) -> Ints:
        """int64[m]: what of the amounts would not have happened without each touchpoint; the rest
        of them would."""
        sizes = np.diff(self._offsets)
        offsets = self._offsets + np.arange(len(self._offsets))
        owner = np.repeat(np.arange(len(sizes)), sizes)
        place = np.arange(len(owner)) + owner + 1
        weights = np.zeros(offsets[-1], np.int64)
        weights[place], weights[offsets[:-1]] = self._chances.touch, self._chances.baseline
        parts: Ints = allocate_journeys(np.asarray(amounts, np.int64), weights, offsets)[place]
        return np.where(self.touch_counts, parts, 0)

    def caused(
        self, amounts: Ints, rows: Ints, row_count: int, chosen: Bools | None = None
    ) -> Ints:
        """int64[row_count], `caused_by` by row (-1: filtered out)."""
        if chosen is not None:
            amounts = np.where(chosen, amounts, 0)
        parts, kept = self.caused_by(amounts), rows >= 0
        return exact_sums(rows[kept], parts[kept], row_count)

    def fitted(self, stage: int) -> tuple[Populated, Hazard]:
        """The fit of a stage, by its place among those loaded, and what it was fitted on."""
        if stage not in self._fits:
            found = populate(self._mart, self._question, self._loaded, stage)
            model = self._model.resolve(self._question.lookback)
            days, fill = settled(model["half_life"], model["fill"])
            self._fits[stage] = found, remembered_hazard(found.panel, found.own, days, fill)
        return self._fits[stage]

    @cached_property
    def whole(self) -> "IncrementalAllocation":
        """That of all conversions of the question."""
        if not self._loaded.is_excerpt:
            return self
        loaded = self._load_whole(self._mart, self._question, self._loaded.stages)
        return IncrementalAllocation(self._mart, loaded, self._question, self._model)

    def in_whole(self) -> Ints:
        """int64[n], where the loaded conversions are in the whole. Raises Refusal for one outside."""
        return places_in(self.whole.loaded, self._loaded, self._model)

    def _weigh(self) -> Chances:
        loaded = self._loaded
        touch, credit = np.zeros((2, loaded.journeys.touch_count), np.int64)
        baseline = np.ones(len(loaded.value), np.int64)
        sizes, owner = np.diff(loaded.journeys.offsets), loaded.journeys.journey
        stages = loaded.conversions["stage"]
        for stage in np.unique(stages).tolist():
            found, hazard = self.fitted(stage)
            mine = np.flatnonzero((stages == stage)[owner])
            offsets = np.append(0, np.cumsum(sizes[found.reached]))
            chance = chances(
                hazard, offsets, found.state[mine], found.age[mine], found.live[mine], found.again
            )
            touch[mine], credit[mine] = chance.touch, chance.credit
            baseline[found.reached] = chance.baseline
        return Chances(touch, baseline, credit)

    def _cut(self) -> Chances:
        whole, places = self.whole, self.in_whole().tolist()
        offsets, found = whole.loaded.journeys.offsets, whole.chances
        taken = [np.arange(offsets[p], offsets[p + 1]) for p in places]
        mine = np.concatenate([*taken, np.zeros(0, np.int64)])
        return Chances(found.touch[mine], found.baseline[places], found.credit[mine])


_fits: Memory[Hazard] = Memory(REMEMBERED)


def remembered_hazard(panel: Panel, own: Bools, half_life: float | None, fill: float) -> Hazard:
    """The fit of this very panel, from memory where it was made before."""
    digest = blake2b(repr((half_life, fill, panel.state_count)).encode())
    for column in (panel.spell, panel.state, panel.day, panel.first, panel.last, panel.returning,
                   panel.event_spell, panel.event_day, panel.weight, own):  # fmt: skip
        digest.update(repr(len(column)).encode() + np.ascontiguousarray(column).tobytes())
    return _fits.get_or_make(digest.digest(), lambda: fit_incremental(panel, own, half_life, fill))
