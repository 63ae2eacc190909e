"""Credit of a question: allocated in integers, gathered into rows, and proved to add up."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from service.attribution.credit import allocate_journeys
from service.attribution.models import ModelSpec
from service.attribution.segments import segment_sums
from service.attribution.spread import to_touches
from service.attribution.stepped import (
    Place,
    Weights,
    is_transformed,
    places,
    seen_by_step,
    transformed,
    weights_of,
)
from service.attribution.transforms import Channels, Steps
from service.attribution.weights import weigh
from service.attribution.working import Working
from service.attribution.workings import work
from service.kit.errors import ReconciliationError
from service.reports.load import MISSING, Loaded
from service.reports.question import Question

MILLION = 1_000_000
HALF_BITS = 26
HALF = (1 << HALF_BITS) - 1
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
REASONS = (
    "no_person",
    "no_touchpoint",
    "first_touchpoint_after_conversion",
    "no_touchpoint_in_lookback",
    "no_eligible_channel",
    "excluded_touchpoints",
)


@dataclass(frozen=True, eq=False)
class Credit:
    """One measure under one model: per row, left out by filters, and unattributed by reason.

    Everything is in integers (minor units or millionths) and adds up to `total`.
    """

    rows: Ints
    filtered_out: int
    unattributed: dict[str, int]
    total: int

    @property
    def shown(self) -> int:
        """What rows and unattributed add up to."""
        return self.total - self.filtered_out

    def __post_init__(self) -> None:
        parts = int(self.rows.sum()) + self.filtered_out + sum(self.unattributed.values())
        if parts != self.total:
            raise ReconciliationError(
                "not_reconciled", f"rows and rest make {parts}, the total is {self.total}"
            )


class Allocation:
    """The credit of every touchpoint under one model, for any measure of the conversions."""

    def __init__(self, loaded: Loaded, question: Question, model: ModelSpec) -> None:
        seen, self._model = loaded.journeys, model
        self._steps: Steps | None = None
        if is_transformed(model):
            self._steps = transformed(seen.channel, seen.offsets, channels_of(loaded), model)
            seen = seen_by_step(seen, self._steps)
        self._seen = seen
        self._offsets = seen.offsets
        self._weights = weigh(seen, model, question.lookback)
        self._begin(loaded, question, segment_sums(self._weights, seen.offsets) > 0)

    def _begin(self, loaded: Loaded, question: Question, has_credit: Bools) -> None:
        """Take what does not depend on the kind of model."""
        self._loaded = loaded
        self._filtered = bool(question.filters)
        self.has_credit = has_credit
        self._dated_by = question.period if question.basis == "touch" else None

    @cached_property
    def touch_counts(self) -> Bools:
        """bool[m]: the touchpoints whose credit the question's basis dates inside the period."""
        journeys = self._loaded.journeys
        if self._dated_by is None:
            return np.repeat(self._loaded.in_period, np.diff(journeys.offsets))
        at, period = journeys.touched_at, self._dated_by
        return (at >= period.start_micros) & (at < period.end_micros)

    def credit_of(self, amounts: Ints) -> Ints:
        """int64[m]: the amounts of the conversions divided over their touchpoints."""
        credit = allocate_journeys(
            np.where(self.has_credit, amounts, 0), self._weights, self._offsets
        )
        return credit if self._steps is None else to_touches(credit, self._steps)

    def value_credit(self) -> Ints:
        """int64[m]: the conversions' values divided over their touchpoints."""
        return self.credit_of(self._loaded.value)

    def count_credit(self) -> Ints:
        """int64[m]: the conversions themselves, one each in millionths."""
        return self.credit_of(counts(self._loaded))

    def counted_credit(self, amounts: Ints) -> Ints:
        """int64[m]: `credit_of` the amounts, `dated`."""
        return self.dated(self.credit_of(amounts))

    def dated(self, credit: Ints) -> Ints:
        """int64[m]: the credit, zero where the question's basis dates it outside the period, which
        `touch_counts` says."""
        return credit if self.touch_counts.all() else np.where(self.touch_counts, credit, 0)

    @property
    def idle(self) -> Bools:
        """bool[n]: conversions of the period that no touchpoint earned."""
        return self._loaded.in_period & ~self.has_credit

    @property
    def weights(self) -> Weights | None:
        """By which each conversion is divided; None where it is not by itself."""
        return weights_of(self._weights, self._offsets, self._steps)

    def places(self) -> list[Place]:
        """Where each touchpoint went on the way to the model; for few conversions."""
        offsets = self._loaded.journeys.offsets
        return places(self._told_apart(), offsets, channels_of(self._loaded), self._model)

    def _told_apart(self) -> NDArray[np.int32]:
        """int32[m], what the model takes for one and the same in a path."""
        return self._loaded.journeys.channel

    def workings(self, lookback: timedelta | None, /) -> list[Working]:
        """How each step of the one loaded journey comes to its weight."""
        return work(self._seen, self._model, lookback)

    @property
    def loaded(self) -> Loaded:
        return self._loaded

    def gather(
        self, amounts: Ints, rows: Ints, row_count: int, chosen: Bools | None = None
    ) -> Credit:
        """Credit by row of one measure.

        Args: amounts int64[n]; rows int64[m], -1 where filtered out; chosen: which conversions
        the measure counts (default: all).
        """
        if chosen is not None:
            amounts = np.where(chosen, amounts, 0)
        if not amounts.any():
            return Credit(np.zeros(row_count, np.int64), 0, {}, 0)
        credit = self.counted_credit(amounts)
        return self.gathered(amounts, credit, exact_sums(rows + 1, credit, row_count + 1))

    def gathered(self, amounts: Ints, credit: Ints, sums: Ints) -> Credit:
        """The Credit of amounts whose touchpoints have this credit int64[m], dated in the period.

        Args: sums: int64[rows + 1], the credit by row; first what the filters leave out.
        """
        left_out, by_row = int(sums[0]), sums[1:]
        idle = self.idle
        total = int(credit.sum()) + int(amounts[idle].sum())
        unattributed = dict(self._unattributed(amounts, idle))
        if self._filtered:  # what nobody earned has no channel, so no filter keeps it
            left_out, unattributed = left_out + sum(unattributed.values()), {}
        return Credit(by_row, left_out, unattributed, total)

    def reasons(self) -> NDArray[np.int8]:
        """Index into REASONS per conversion; -1 where it has a touchpoint with credit."""
        columns = self._loaded.conversions
        first = columns["first_touch_at"]
        touched = np.diff(self._loaded.journeys.offsets) > 0
        return np.select(
            [
                self.has_credit,
                columns["nobody"],
                touched,
                columns["excluded"],
                first == MISSING,
                first > columns["occurred_at"],
            ],
            [-1, 0, 4, 5, 1, 2],
            3,
        ).astype(np.int8)

    def _unattributed(self, amounts: Ints, idle: Bools) -> Iterator[tuple[str, int]]:
        if not idle.any():
            return
        reasons = self.reasons()
        for index, name in enumerate(REASONS):
            of_reason = idle & (reasons == index)
            if of_reason.any():
                yield name, int(amounts[of_reason].sum())


def channels_of(loaded: Loaded) -> Channels:
    """The channel of each touchpoint, by the name that a path transform calls it."""
    return Channels(loaded.journeys.channel, loaded.channel_names)


def exact_sums(rows: Ints, amounts: Ints, row_count: int) -> Ints:
    """Sums of int64 amounts by row. NumPy adds weights up as floats, exact below 2**53 only: where
    they may come to more, the upper and lower halves are added apart."""
    largest = max(int(amounts.max(initial=0)), -int(amounts.min(initial=0)))
    if largest * len(amounts) < 2**53:
        return np.bincount(rows, amounts, minlength=row_count).astype(np.int64)
    low = np.bincount(rows, amounts & HALF, minlength=row_count).astype(np.int64)
    high = np.bincount(rows, amounts >> HALF_BITS, minlength=row_count).astype(np.int64)
    return (high << HALF_BITS) + low


def counts(loaded: Loaded) -> Ints:
    """One conversion each, in millionths."""
    return np.full(len(loaded.value), MILLION, np.int64)
