"""Journeys in columns: what every model is computed on.

Touches of all journeys lie one after another; journey i owns touches offsets[i] to offsets[i + 1]
(compressed sparse rows). A channel is an integer code, never part of a delimited text: published
code that joined names by " > " split the channel "Search > Brand" in two.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MISSING = np.iinfo(np.int64).min
"""The moment of a milestone that the journey lacks."""

NO_CLASS, PAID, OWNED, EARNED = 0, 1, 2, 3
CHANNEL_CLASSES = {"paid": PAID, "owned": OWNED, "earned": EARNED}
MILESTONES = ("lead", "mql", "sql", "opportunity")


@dataclass(frozen=True, eq=False)
class JourneyArrays:
    """n journeys with m touches in all; a journey may have no touch.

    Moments are int64 microseconds since 1970-01-01T00:00Z. Only eligible touches belong here: at or
    before the conversion, inside the lookback, oldest first (equal moments by `seq`).

    Attributes:
        offsets: int64[n + 1], from 0 to m, never falling.
        touched_at: int64[m], not falling inside a journey.
        channel: int32[m], any integer codes.
        is_direct: bool[m], the touch's channel is direct.
        channel_class: int8[m], NO_CLASS, PAID, OWNED or EARNED.
        converted_at: int64[n].
        milestones: by name in MILESTONES an int64[n], MISSING where the journey lacks it.
        begun_at: int64[m], from when on a touch counts for milestones; None: from its own moment.
            Of a step of several touches (see stepped.py) the moment of the first.
    Raises:
        ValueError: columns whose lengths do not belong together.
    """

    offsets: Ints
    touched_at: Ints
    channel: NDArray[np.int32]
    is_direct: Bools
    channel_class: NDArray[np.int8]
    converted_at: Ints
    milestones: Mapping[str, Ints] = field(default_factory=dict)
    begun_at: Ints | None = None

    def __post_init__(self) -> None:
        if len(self.offsets) == 0 or self.offsets[0] != 0:
            raise ValueError("offsets start at 0 and have one element more than there are journeys")
        per_touch = (
            *(self.touched_at, self.channel, self.is_direct, self.channel_class),
            self.begins,
        )
        if any(len(column) != self.offsets[-1] for column in per_touch):
            raise ValueError("a column of touches does not have the length that offsets end at")
        per_journey = (self.converted_at, *self.milestones.values())
        if any(len(column) != self.journey_count for column in per_journey):
            raise ValueError("a column of journeys does not have one element for each journey")
        if not set(self.milestones) <= set(MILESTONES):
            raise ValueError(f"milestones are named {', '.join(MILESTONES)}")

    @property
    def journey_count(self) -> int:
        return len(self.offsets) - 1

    @property
    def touch_count(self) -> int:
        return len(self.touched_at)

    @property
    def begins(self) -> Ints:
        """int64[m], from when on each touch counts for milestones."""
        return self.touched_at if self.begun_at is None else self.begun_at

    @cached_property
    def sizes(self) -> Ints:
        """int64[n], touches of each journey."""
        return np.diff(self.offsets)

    @cached_property
    def journey(self) -> Ints:
        """int64[m], the journey of each touch: `column.take(journeys.journey)` spreads a column."""
        return np.repeat(np.arange(self.journey_count), self.sizes)

    def select(self, first: int, end: int) -> "JourneyArrays":
        """Journeys first to end (end excluded); columns are views, offsets start at 0 again."""
        start, stop = int(self.offsets[first]), int(self.offsets[end])
        return JourneyArrays(
            offsets=self.offsets[first : end + 1] - start,
            touched_at=self.touched_at[start:stop],
            channel=self.channel[start:stop],
            is_direct=self.is_direct[start:stop],
            channel_class=self.channel_class[start:stop],
            converted_at=self.converted_at[first:end],
            milestones={name: column[first:end] for name, column in self.milestones.items()},
            begun_at=None if self.begun_at is None else self.begun_at[start:stop],
        )
