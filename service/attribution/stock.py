"""Saturating adstock: what is left of earlier touches of a channel on a day.

Each touch fills the share `fill` of the room that is left, and what is there falls by a half in
every half-life: after touches on days t_1 <= … <= t_n the stock of day t >= t_n is

    S(t) = sum_j fill (1 - fill)^(n - j) 2^(-(t - t_j) / half_life)  in [0, 1].

The terms are the touches' parts, so a channel's stock is divided over its touches without a rest.
"""

from dataclasses import dataclass

import numpy as np

from service.attribution.journeys import Ints
from service.attribution.panel import Floats, Panel

LEAST = 1e-200
"""A state of less exposure has none: what is left of it comes near the smallest numbers there are."""


@dataclass(frozen=True, eq=False)
class Stocks:
    """Of a panel: `exposure` float64[k], the stock of each state summed over all days at risk;
    `event`, `state`, `stock`: one entry for each state that had touched a unit before its event,
    in order of event and state. A state of which nothing is left (LEAST) has zeros."""

    exposure: Floats
    event: Ints
    state: Ints
    stock: Floats


def stocks(panel: Panel, half_life: float, fill: float) -> Stocks:
    """The stocks of every state; `half_life` in days, above zero; `fill` in (0, 1]."""
    decay = 0.5 ** (1 / half_life)
    level = _levels(panel, decay, fill)
    held = _held(panel, level, decay)
    kept = panel.ends & (panel.event_of_touch >= 0)
    event = panel.event_of_touch[kept]
    order = np.argsort(event, kind="stable")
    age = panel.event_day[event] - panel.day[kept]
    exposure = np.bincount(panel.state, held, minlength=panel.state_count).astype(np.float64)
    exposure[exposure < LEAST] = 0.0
    state, stock = panel.state[kept], level[kept] * decay**age
    return Stocks(
        exposure=exposure,
        event=event[order],
        state=state[order],
        stock=np.where(exposure[state] > 0, stock, 0.0)[order],
    )


def exposure_of(panel: Panel, half_life: float, fill: float) -> Floats:
    """float64[m], the stock of each touch's state summed over the days at risk from the touch to the
    next one; the sum of a state's is its `exposure`."""
    decay = 0.5 ** (1 / half_life)
    return _held(panel, _levels(panel, decay, fill), decay)


def _held(panel: Panel, level: Floats, decay: float) -> Floats:
    """float64[m], `exposure_of`, of the stock right after each touch."""
    following = np.append(panel.day[1:], 0)[: len(panel.day)]
    past = panel.last[panel.spell] + 1
    until = np.where(panel.ends, past, np.minimum(following, past))
    since = np.maximum(panel.day, panel.first[panel.spell])
    days = np.maximum(until - since, 0)
    held: Floats = level * decay ** (since - panel.day) * (1 - decay**days) / (1 - decay)
    return held


def touch_parts(journey: Ints, state: Ints, age: Ints, half_life: float, fill: float) -> Floats:
    """float64[m], each touch's part of the stock of its state at the end of its journey; the parts
    of a state add up to its stock.

    Args: journey, state, age (days before the end, >= 0): int64[m], oldest first in each journey.
    """
    order = np.lexsort((state, journey))
    new = np.append(True, (np.diff(journey[order]) != 0) | (np.diff(state[order]) != 0))[
        : len(order)
    ]
    ends = np.append(np.flatnonzero(new)[1:], len(order))
    later = np.zeros(len(order), np.int64)
    later[order] = ends[np.cumsum(new) - 1] - 1 - np.arange(len(order))
    parts: Floats = fill * (1 - fill) ** later * 0.5 ** (age / half_life)
    return parts


def _levels(panel: Panel, decay: float, fill: float) -> Floats:
    """float64[m], the stock right after each touch: S_j = fill + (1 - fill) decay^gap S_(j-1), all
    chains at once by doubling (Hillis and Steele 1986): after step k each holds its last 2^k terms."""
    gap = np.diff(panel.day, prepend=0)[: len(panel.day)]
    carry = np.where(panel.starts, 0.0, (1 - fill) * decay ** np.where(panel.starts, 0, gap))
    level = np.full(len(carry), float(fill))
    step = 1
    while step < len(carry) and carry.any():
        level[step:] += carry[step:] * level[:-step]
        carry[step:] = carry[step:] * carry[:-step]
        carry[:step] = 0.0
        step *= 2
    return level
