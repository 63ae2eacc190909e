"""Models that set some touches apart (first, last, a milestone's) and let the others share the rest.

Rules for every one of them: shares that fall on one touch add up; an anchor that the journey lacks,
or a rest without touches, gives its share to the others in proportion. Both come for free by not
handing those shares out: only proportions count. Nothing can be lost that way: an early PostHog
draft gave two touches 40 % each and dropped 20 % of the revenue.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np

from service.attribution.journeys import MILESTONES, MISSING, Ints, JourneyArrays
from service.attribution.models import ModelSpec
from service.attribution.parameters import format_value
from service.attribution.segments import fit, segment_sums
from service.attribution.working import Working, number

_REST = frozenset(("middle", "others"))
_OF_TWO = ("first_of_two", "last_of_two")
_SHARE_UNITS = 1000


def anchored(journeys: JourneyArrays, spec: ModelSpec) -> Ints:
    """Weights int64[m] of position_based, j_shaped, inverse_j, u_, w_shaped, full_path, custom."""
    shares = {
        name: value
        for name, value in spec.parameters
        if isinstance(value, Decimal) and name not in _OF_TWO
    }
    units = dict(zip(shares, _whole(list(shares.values())), strict=True))
    rest = sum(units.pop(name, 0) for name in _REST)
    weights = _shared_out(journeys, list(units.items()), rest)
    of_two = [value for name, value in spec.parameters if name in _OF_TWO]
    if of_two and all(isinstance(value, Decimal) for value in of_two):
        start = journeys.offsets[:-1][journeys.sizes == 2]
        pair = _whole([value for value in of_two if isinstance(value, Decimal)])
        weights[start], weights[start + 1] = pair
    return weights


def _whole(shares: Sequence[Decimal]) -> list[int]:
    """The smallest integers in the same proportions."""
    units = [int(share * _SHARE_UNITS) for share in shares]
    divisor = math.gcd(*units) or 1
    return [unit // divisor for unit in units]


def _shared_out(journeys: JourneyArrays, anchors: Sequence[tuple[str, int]], rest: int) -> Ints:
    """Anchored touches get their shares times the number of other touches, those get `rest` each.

    That is share : rest / others in whole numbers. No touch with a share above zero (the lead alone
    was asked for and there was none): all touches of the journey equally, so that the value stays.
    """
    held = np.zeros(journeys.touch_count, dtype=np.int64)
    is_anchor = np.zeros(journeys.touch_count, dtype=np.bool_)
    for name, share in anchors:
        touch = anchor_touches(journeys, name)
        touch = touch[touch >= 0]
        held[touch] += share
        is_anchor[touch] = True
    if rest:
        others = journeys.sizes - segment_sums(is_anchor, journeys.offsets)
        held *= np.maximum(others, 1).take(journeys.journey)
        held = np.where(is_anchor, held, rest)
    sums = segment_sums(held, journeys.offsets)
    if np.any(sums == 0):
        held = np.where((sums == 0).take(journeys.journey), 1, held)
    return fit(held, journeys.offsets, sums)


def anchor_touches(journeys: JourneyArrays, name: str) -> Ints:
    """int64[n], index of the touch that the anchor falls on; -1 where the journey lacks it.

    Args:
        name: first, last, close (the last touch before the conversion), a milestone, or a position
            such as touch2 or touch-2.
    """
    if name in MILESTONES:
        return milestone_touches(journeys, name)
    position = {"first": 1, "last": -1, "close": -1}.get(name) or int(name.removeprefix("touch"))
    if position > 0:
        touch = journeys.offsets[:-1] + (position - 1)
    else:
        touch = journeys.offsets[1:] + position
    return np.where(journeys.sizes >= abs(position), touch, -1)


def milestone_touches(journeys: JourneyArrays, name: str) -> Ints:
    """int64[n], index of the last touch at or before the milestone's moment; -1 if it is lacking.

    A milestone before the first touch has no touch. One after the conversion lies outside the
    journey: it would let a later event change the credit of an earlier one.
    """
    moment = journeys.milestones.get(name)
    if moment is None:
        return np.full(journeys.journey_count, -1, dtype=np.int64)
    reached = journeys.begins <= moment.take(journeys.journey)
    touches = segment_sums(reached, journeys.offsets)
    inside = (moment != MISSING) & (moment <= journeys.converted_at) & (touches > 0)
    return np.where(inside, journeys.offsets[:-1] + touches - 1, -1)


def work_anchored(journeys: JourneyArrays, spec: ModelSpec) -> list[Working]:
    """The shares that fall on each touch of one journey, or its part of the rest."""
    shares = {name: value for name, value in spec.parameters if isinstance(value, Decimal)}
    pair = [(name, shares.pop(name)) for name in _OF_TWO if name in shares]
    if journeys.touch_count == 2 and len(pair) == 2:
        return [Working(f"{name} {format_value(share)}", Fraction(share)) for name, share in pair]
    rest = [(name, shares.pop(name)) for name in sorted(_REST) if name in shares]
    held: list[list[tuple[str, Decimal]]] = [[] for _ in range(journeys.touch_count)]
    for name, share in shares.items():
        touch = int(anchor_touches(journeys, name)[0])
        if touch >= 0:
            held[touch].append((name, share))
    others = sum(not anchors for anchors in held)
    workings = [_held(anchors) if anchors else _rest_of(rest, others) for anchors in held]
    if not any(working.weight for working in workings):
        return [Working("no touch holds a share, so all alike: 1", Fraction(1))] * len(held)
    return workings


def _held(anchors: Sequence[tuple[str, Decimal]]) -> Working:
    weight = Fraction(sum(share for _, share in anchors))
    text = " + ".join(f"{name} {format_value(share)}" for name, share in anchors)
    return Working(text if len(anchors) == 1 else f"{text} = {number(weight)}", weight)


def _rest_of(rest: Sequence[tuple[str, Decimal]], others: int) -> Working:
    if not rest:
        return Working("holds no share: 0", Fraction(0))
    ((name, share),) = rest
    weight = Fraction(share) / others
    return Working(f"{name} {format_value(share)} / {others} = {number(weight)}", weight)
