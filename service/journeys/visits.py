"""Page views become visits: vectorised over the page views of many people at once."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[Any]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Visits:
    """Parallel arrays, one entry a visit: index of its first page view, of its last, and how many."""

    first: Integers
    last: Integers
    page_views: Integers


def build_visits(
    person: Integers, occurred_at: Integers, entry_key: Integers, is_internal: Flags, gap: int
) -> Visits:
    """Cut page views into visits.

    A visit starts with a person's first page view; after `gap` of silence, unless the page was
    reached from within the site or on the way back from the till; and where another campaign
    brings the person in than the one the running visit came by.

    Args:
        person: int[n], page views of one person side by side, in their order.
        occurred_at: int64[n] microseconds, ascending within a person.
        entry_key: int[n], which campaign or referrer the page view came by, 0 for none.
        is_internal: bool[n].
        gap: microseconds.
    """
    count = len(person)
    if count == 0:
        none = np.zeros(0, np.int64)
        return Visits(none, none, none)
    new_person = np.ones(count, bool)
    new_person[1:] = person[1:] != person[:-1]
    silent = np.zeros(count, bool)
    silent[1:] = np.diff(occurred_at) >= gap
    rested = new_person | (silent & ~is_internal)
    # What the running visit came by: the last page view that started one or brought a campaign.
    says = rested | (entry_key != 0)
    last_said = np.maximum.accumulate(np.where(says, np.arange(count), 0))
    running = np.empty(count, entry_key.dtype)
    running[0] = 0
    running[1:] = entry_key[last_said[:-1]]
    starts = rested | ((entry_key != 0) & (entry_key != running))
    first = np.flatnonzero(starts)
    ends = np.append(first[1:], count)
    return Visits(first, ends - 1, ends - first)
