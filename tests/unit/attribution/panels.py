"""Panels and fits from a few lines."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from service.attribution.examples_panel import PanelExample
from service.attribution.incremental import Chances, Hazard, chances, fit_incremental
from service.attribution.panel import NEVER, Happenings, Panel, build_panel

DAY = 86_400_000_000
Touch = tuple[int, int, int]
"""unit, day, state."""
Conversion = tuple[int, int]
"""unit, day; noon, where touches come in the morning."""


def happenings(units: Sequence[int], days: Sequence[int], hour: float) -> Happenings:
    day = np.asarray(days, np.int64)
    moments = day * DAY + int(hour / 24 * DAY)
    return Happenings(np.asarray(units, np.int64), moments, day)


def panel_of(
    touches: Sequence[Touch], conversions: Sequence[Conversion], days: int, states: int
) -> Panel:
    """Days 0 to below `days`; touches of one day and unit in the order given."""
    ordered = sorted(touches, key=lambda t: t[:2])
    return build_panel(
        happenings([t[0] for t in ordered], [t[1] for t in ordered], 9),
        np.asarray([t[2] for t in ordered], np.int64),
        happenings([c[0] for c in conversions], [c[1] for c in conversions], 12),
        (0, days),
        states,
    )


def fitted(
    touches: Sequence[Touch],
    conversions: Sequence[Conversion],
    days: int,
    states: int,
    own: Sequence[int] = (),
    **parameters: Any,
) -> Hazard:
    is_own = np.isin(np.arange(states), own)
    return fit_incremental(panel_of(touches, conversions, days, states), is_own, **parameters)


def chances_of(
    hazard: Hazard, touches: Sequence[Touch], conversions: Sequence[Conversion]
) -> Chances:
    """Of each conversion, by those of its unit's touches that lie before it."""
    offsets, state, age, live, again = [0], [], [], [], []
    for unit, day in conversions:
        earlier = [d for u, d in conversions if u == unit and d < day]
        since = max(earlier, default=NEVER)
        again.append(bool(earlier))
        for _, touched, code in sorted(t for t in touches if t[0] == unit and t[1] <= day):
            state.append(code)
            age.append(day - touched)
            live.append(touched > since)
        offsets.append(len(state))
    return chances(
        hazard,
        np.asarray(offsets),
        np.asarray(state, np.int64),
        np.asarray(age, np.int64),
        np.asarray(live, bool),
        np.asarray(again, bool),
    )


def of_example(example: PanelExample) -> tuple[list[Touch], list[Conversion], list[str]]:
    """Touches, conversions and the channels' names, one unit a person."""
    names = sorted({channel for _, channel, _ in example.people})
    touches: list[Touch] = []
    conversions: list[Conversion] = []
    for count, channel, day in example.people:
        for _ in range(count):
            unit = len(touches)
            touches.append((unit, 0, names.index(channel)))
            if day is not None:
                conversions.append((unit, day - 1))
    return touches, conversions, names
