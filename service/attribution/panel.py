"""Who could have converted on which day, and what had touched them: the panel of the hazard model.

A person (or company: a *unit*) is at risk from the day of its first touch in the window to the end
of the window. A conversion ends a *spell* and the next begins the day after it with nothing behind
it: what led to one conversion does not lead to the next. All arrays, no loop over units or touches.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from service.attribution.journeys import Bools, Ints

Floats = NDArray[np.float64]
NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, eq=False)
class Happenings:
    """Touches, or conversions, of units.

    `unit` int64[m], 0 to below the number of units, or -1 for a conversion of nobody; `moment`
    int64[m], microseconds; `day` int64[m], days of the report's zone, from any first one.
    """

    unit: Ints
    moment: Ints
    day: Ints


@dataclass(frozen=True, eq=False)
class Panel:
    """s spells, m touches sorted by (spell, state, moment), e events (the conversions of one unit
    on one day), all of them inside the window.

    Attributes:
        touch: int64[m], which of the given touches it is.
        spell, state, day: int64[m], of each touch.
        first, last: int64[s], days at risk, both included; none where last < first.
        returning: bool[s], the unit has converted before.
        unit: int64[s], whose spell it is.
        event_spell, event_day: int64[e].
        event_of: int64[n], the event of each given conversion; -1 where it is outside the panel:
            of nobody, of somebody never touched before it, or outside the window.
        since: int64[n], the moment up to which an earlier event has taken the touches of the unit
            of each given conversion; NEVER where there is none.
    """

    touch: Ints
    spell: Ints
    state: Ints
    day: Ints
    first: Ints
    last: Ints
    returning: Bools
    unit: Ints
    event_spell: Ints
    event_day: Ints
    event_of: Ints
    since: Ints
    state_count: int

    @cached_property
    def starts(self) -> Bools:
        """bool[m], the first touch of its state in its spell."""
        return _changes(self.spell) | _changes(self.state)

    @cached_property
    def ends(self) -> Bools:
        """bool[m], the last touch of its state in its spell."""
        found: Bools = np.append(self.starts[1:], True)[: len(self.starts)]
        return found

    @cached_property
    def days_at_risk(self) -> Ints:
        """int64[s], of each spell."""
        found: Ints = np.maximum(self.last - self.first + 1, 0)
        return found

    @cached_property
    def weight(self) -> Floats:
        """float64[e], the conversions of each event."""
        inside = self.event_of[self.event_of >= 0]
        return np.bincount(inside, minlength=len(self.event_spell)).astype(np.float64)

    @cached_property
    def event_of_touch(self) -> Ints:
        """int64[m], the event that the touch's spell ends with; -1 where it ends with none."""
        event = np.full(len(self.first), -1, np.int64)
        event[self.event_spell] = np.arange(len(self.event_spell))
        found: Ints = event[self.spell]
        return found


def build_panel(
    touches: Happenings, state: Ints, conversions: Happenings, window: tuple[int, int], states: int
) -> Panel:
    """The panel of a window of days.

    Args:
        touches: sorted by unit, then moment; state int64[m] of each, from 0 to below `states`.
        conversions: in any order, those before the window too: they end spells.
        window: first day and the day after the last.
    """
    units = int(max(touches.unit.max(initial=-1), conversions.unit.max(initial=-1))) + 1
    event_of, unit, moment, day = _events(conversions)
    before = _events_before(touches, unit, moment)
    spell = touches.unit + before
    owner = np.repeat(np.arange(units), np.bincount(unit, minlength=units) + 1)
    first, last, returning = _spells(touches, owner, unit, day, window)
    place = unit + np.arange(len(unit))  # an event ends the spell of its own number in its unit
    inside = (day >= window[0]) & (day < window[1]) & (day >= first[place])
    number = np.append(np.where(inside, np.cumsum(inside) - 1, -1), -1)
    order = np.argsort(spell * max(states, 1) + state, kind="stable")
    return Panel(
        touch=order,
        spell=spell[order],
        state=state[order],
        day=touches.day[order],
        first=first,
        last=last,
        returning=returning,
        unit=owner,
        event_spell=place[inside],
        event_day=day[inside],
        event_of=number[event_of],
        since=_taken(event_of, unit, moment),
        state_count=states,
    )


def _taken(event_of: Ints, unit: Ints, moment: Ints) -> Ints:
    """int64[n], the moment of the event before that of each conversion, in its unit."""
    earlier = np.where(_changes(unit), NEVER, np.append(NEVER, moment[:-1])[: len(moment)])
    return np.append(earlier, NEVER)[event_of]


def _changes(codes: Ints) -> Bools:
    return np.append(True, codes[1:] != codes[:-1])[: len(codes)]


def _events(conversions: Happenings) -> tuple[Ints, Ints, Ints, Ints]:
    """Conversions of one unit on one day are one event, at the moment of the last of them: the
    event of each conversion (-1: of nobody), and each event's unit, moment and day, by unit."""
    order = np.lexsort((conversions.moment, conversions.day, conversions.unit))
    order = order[conversions.unit[order] >= 0]
    unit, day = conversions.unit[order], conversions.day[order]
    new = _changes(unit) | _changes(day)
    event_of = np.full(len(conversions.unit), -1, np.int64)
    event_of[order] = np.cumsum(new) - 1
    final = np.append(new[1:], True)[: len(new)]
    return event_of, unit[final], conversions.moment[order][final], day[final]


def _events_before(touches: Happenings, unit: Ints, moment: Ints) -> Ints:
    """int64[m], events before each touch among all events in order of unit and moment; a touch at
    the moment of an event lies before it."""
    count = len(touches.unit)
    found = np.searchsorted(unit, touches.unit)  # those of the units before
    busy = np.flatnonzero(np.isin(touches.unit, unit))
    who = np.concatenate((touches.unit[busy], unit))
    when = np.concatenate((touches.moment[busy], moment))
    is_event = np.arange(len(who)) >= len(busy)
    order = np.lexsort((is_event, when, who))
    passed = np.cumsum(is_event[order])
    place = np.empty(len(who), np.int64)
    place[order] = passed
    found[busy] = place[: len(busy)]
    return found[:count].astype(np.int64)


def _spells(
    touches: Happenings, owner: Ints, unit: Ints, day: Ints, window: tuple[int, int]
) -> tuple[Ints, Ints, Bools]:
    """First and last day at risk of each spell (`owner`: whose it is), and whether it follows a
    conversion."""
    entry = np.full(int(owner.max(initial=-1)) + 1, window[1], np.int64)
    np.minimum.at(entry, touches.unit, touches.day)
    first = np.maximum(entry[owner], window[0])
    last = np.full(len(owner), window[1] - 1, np.int64)
    returning = np.zeros(len(owner), bool)
    ended = unit + np.arange(len(unit))
    last[ended] = np.minimum(day, window[1] - 1)
    first[ended + 1] = np.maximum(first[ended + 1], day + 1)
    returning[ended + 1] = True
    return first, last, returning
