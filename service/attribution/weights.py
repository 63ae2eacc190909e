"""Weights of the rule models, for all journeys at once.

A model is a pure function from journeys to integer weights: no clock, no settings, no state, and no
loop over journeys or touches. Rational models give exact whole numbers (thirds are 1 : 1 : 1); the
money is then split by credit.py to the last minor unit.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta

import numpy as np

from service.attribution.anchors import anchored
from service.attribution.decay import time_decay
from service.attribution.distinct import linear_by_channel
from service.attribution.journeys import CHANNEL_CLASSES, Bools, Ints, JourneyArrays
from service.attribution.models import ModelSpec
from service.attribution.segments import blocks, last_where
from service.kit.time import MICROSECOND

Kernel = Callable[[JourneyArrays, ModelSpec], Ints]


def weigh(journeys: JourneyArrays, spec: ModelSpec, lookback: timedelta | None = None) -> Ints:
    """Weights of every touch under a rule model.

    Args:
        journeys: eligible touches only, see JourneyArrays.
        spec: from parse_model.
        lookback: the question's lookback (None: no limit), for parameters such as lookback/4.
    Returns:
        int64[m] >= 0, each journey's sum below 2**31. All zero in a journey means that nothing in
        it is eligible (last_paid with fallback=unattributed).
    Raises:
        Refusal: `bad_parameter` where the model needs a lookback and there is none.
        ValueError: the model is not a rule model.
    """
    kernel = KERNELS.get(spec.name)
    if kernel is None:
        raise ValueError(f"{spec.name} is not a rule model; its weights need the whole population")
    settled = spec.resolve(lookback)
    weights = np.zeros(journeys.touch_count, dtype=np.int64)
    for first, end in blocks(journeys.offsets):
        start, stop = journeys.offsets[first], journeys.offsets[end]
        if start < stop:
            weights[start:stop] = kernel(journeys.select(first, end), settled)
    return weights


def _first_touch(journeys: JourneyArrays, _: ModelSpec) -> Ints:
    starts = journeys.offsets[:-1][journeys.sizes > 0]
    return _mark(journeys, starts)


def _last_touch(journeys: JourneyArrays, _: ModelSpec) -> Ints:
    return _mark(journeys, _last(journeys))


def _last_non_direct(journeys: JourneyArrays, _: ModelSpec) -> Ints:
    return _last_of(journeys, ~journeys.is_direct, fall_back=True)


def _last_paid(journeys: JourneyArrays, spec: ModelSpec) -> Ints:
    of_class = journeys.channel_class == CHANNEL_CLASSES[str(spec["class"])]
    return _last_of(journeys, of_class, fall_back=spec["fallback"] == "last_touch")


def _last_of(journeys: JourneyArrays, mask: Bools, *, fall_back: bool) -> Ints:
    """1 on each journey's last touch in the mask; where there is none on its last, or on none."""
    found = last_where(mask, journeys.offsets)
    if fall_back:
        found = np.where(found < 0, journeys.offsets[1:] - 1, found)
    return _mark(journeys, found[(found >= 0) & (journeys.sizes > 0)])


def _last(journeys: JourneyArrays) -> Ints:
    return journeys.offsets[1:][journeys.sizes > 0] - 1


def _mark(journeys: JourneyArrays, touches: Ints) -> Ints:
    weights = np.zeros(journeys.touch_count, dtype=np.int64)
    weights[touches] = 1
    return weights


def _linear(journeys: JourneyArrays, spec: ModelSpec) -> Ints:
    if spec["unique"]:
        return linear_by_channel(journeys)
    return np.ones(journeys.touch_count, dtype=np.int64)


def _time_decay(journeys: JourneyArrays, spec: ModelSpec) -> Ints:
    half_life = spec["half_life"]
    if not isinstance(half_life, timedelta):
        raise ValueError("the half-life is not settled; see ModelSpec.resolve")
    return time_decay(journeys, max(half_life // MICROSECOND, 1))


KERNELS: Mapping[str, Kernel] = {
    "first_touch": _first_touch,
    "last_touch": _last_touch,
    "last_non_direct": _last_non_direct,
    "last_paid": _last_paid,
    "linear": _linear,
    "time_decay": _time_decay,
    "position_based": anchored,
    "j_shaped": anchored,
    "inverse_j": anchored,
    "u_shaped": anchored,
    "w_shaped": anchored,
    "full_path": anchored,
    "custom": anchored,
}
"""Every rule model; each kernel gets a block of journeys with at least one touch."""
