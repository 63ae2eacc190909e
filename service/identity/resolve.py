"""People from identity links: pure functions of the set of links.

Identifiers are positions 0 … n-1; a link joins two of them. People are the connected components of
the links, after the *shared* identifiers (a kiosk's browser, a call centre's telephone, a link with a
click id passed round a forum) are taken out with all their links.

What is shared, with N the limit:

1. An identifier with more than N distinct neighbours is *held*: with fewer it cannot join more than N
   people. The other identifiers and the links between them fall into *groups* (components).
2. A held identifier *joins* the groups among its neighbours that contain a known identifier (one that
   names a person: an e-mail address, a user id). A neighbour that is held itself and known counts as
   a group of its own. A held one that joins at most N is let back, its links join the groups, and the
   rest is counted anew, until nobody can be let back.
3. Those who know somebody go first: in the first rounds known identifiers are let back, then anonymous
   ones that join at least one known group, then all. Otherwise a device that joins the browsers of
   many people would come back before it is seen whose browsers they are.
4. Who is left is shared.

So somebody with hundreds of cookies keeps his e-mail address (his cookies name nobody else), a
browser used by N + 1 people is shared, one used by N is not. Each step looks at sets only, and at
nothing outside the connected component of all links ever (the *cluster*); each of the three kinds
of round happens at most `ROUNDS` times, and one in which a cluster is already settled leaves it so.
Hence:

- order, direction and repetition of links change nothing;
- resolving clusters apart gives the same people as resolving all at once, so that after new facts
  only the clusters they touch are resolved again.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Ordinary data settles in one or two; the bound keeps a hostile chain of links from costing more.
ROUNDS: Final = 8


@dataclass(frozen=True, slots=True)
class Resolution:
    """Who is who; three arrays of length n.

    `person[i]` is the position of the earliest identifier of i's person, `shared[i]` whether i was
    quarantined (its person is then itself alone), `cluster[i]` the earliest position among all that i
    is linked to when nothing is quarantined or withdrawn.
    """

    person: Integers
    shared: Flags
    cluster: Integers


def resolve(
    identifier_count: int,
    left: ArrayLike,
    right: ArrayLike,
    known: ArrayLike,
    order: ArrayLike,
    shared_limit: int,
    holds: ArrayLike | None = None,
) -> Resolution:
    """Group identifiers into people.

    Args:
        identifier_count: n, below 2**31.
        left, right: integer[e], the two ends of each link, 0 … n-1; repetitions, either direction and
            links of an identifier with itself are allowed.
        known: bool[n], whether the identifier names a person.
        order: int64[n], distinct; the smallest in a person represents it (`seq` of the first fact).
        shared_limit: N, the most known people that one identifier may join; at least 1.
        holds: bool[e] from `surviving_links`; a link that does not hold says nothing about people and
            still belongs to its cluster. Without it all hold.

    Raises:
        ValueError: lengths differ, a position is out of range or the limit below 1.
    """
    first, second = _positions(left, right, identifier_count)
    is_known, ranks = np.asarray(known, np.bool_), np.asarray(order, np.int64)
    if is_known.shape != (identifier_count,) or ranks.shape != (identifier_count,):
        raise ValueError("known and order need one entry for each identifier")
    if shared_limit < 1:
        raise ValueError("the shared limit is at least 1")
    low, high = _distinct(first, second, identifier_count)
    by_order = np.argsort(ranks, kind="stable")
    cluster = _earliest(_components(identifier_count, low, high), by_order)
    if holds is not None:
        kept = np.asarray(holds, np.bool_)
        if kept.shape != first.shape:
            raise ValueError("holds needs one entry for each link")
        low, high = _distinct(first[kept], second[kept], identifier_count)
    shared = _shared(identifier_count, low, high, is_known, shared_limit)
    if not shared.any() and holds is None:
        return Resolution(cluster, shared, cluster)
    kept = ~(shared[low] | shared[high])
    person = _earliest(_components(identifier_count, low[kept], high[kept]), by_order)
    return Resolution(person, shared, cluster)


def surviving_links(
    left: ArrayLike,
    right: ArrayLike,
    link_at: ArrayLike,
    unlink_left: ArrayLike,
    unlink_right: ArrayLike,
    unlink_at: ArrayLike,
) -> Flags:
    """Say which links hold in spite of the unlinks: bool[e].

    An unlink withdraws all evidence between its two identifiers that occurred at its time or before;
    later evidence links them again. Only the latest unlink of a pair matters, so neither order nor
    repetition does.

    Args:
        left, right: integer[e], positions of the linked identifiers, in either direction.
        link_at: int64[e], when the evidence occurred, microseconds since the epoch.
        unlink_left, unlink_right: integer[u], positions, in either direction.
        unlink_at: int64[u], when the unlink occurred, microseconds since the epoch.

    Raises:
        ValueError: lengths differ or a position is negative.
    """
    first, second = _positions(left, right)
    cut_first, cut_second = _positions(unlink_left, unlink_right)
    linked_at, cut_at = np.asarray(link_at, np.int64), np.asarray(unlink_at, np.int64)
    if linked_at.shape != first.shape or cut_at.shape != cut_first.shape:
        raise ValueError("links and unlinks need one time each")
    if not cut_at.size or not linked_at.size:
        return np.ones(linked_at.size, np.bool_)
    width = 1 + max(int(part.max()) for part in (first, second, cut_first, cut_second))
    cuts = _pair_key(cut_first, cut_second, width)
    ascending = np.lexsort((cut_at, cuts))
    cuts, cut_at = cuts[ascending], cut_at[ascending]
    latest = np.append(cuts[1:] != cuts[:-1], True)
    cuts, cut_at = cuts[latest], cut_at[latest]
    pairs = _pair_key(first, second, width)
    place = np.minimum(np.searchsorted(cuts, pairs), cuts.size - 1)
    result: Flags = (cuts[place] != pairs) | (linked_at > cut_at[place])
    return result


def _shared(n: int, low: Integers, high: Integers, known: Flags, limit: int) -> Flags:
    """Quarantine as the module's text says; the links are distinct and without loops."""
    held = np.bincount(low, minlength=n) + np.bincount(high, minlength=n) > limit
    if not held.any():
        return held
    free = ~(held[low] | held[high])
    group = _components(n, low[free], high[free])
    # Each link of a held identifier, seen from it; twice when both ends are held.
    ends = np.concatenate((low, high)), np.concatenate((high, low))
    of_held = held[ends[0]]
    tail, head = group[ends[0][of_held]], group[ends[1][of_held]]
    # From here on nodes: the groups that held identifiers touch, and these, each in a group alone.
    nodes, numbers = np.unique(np.concatenate((tail, head)), return_inverse=True)
    # Somebody's many browsers are often one group: its links are one.
    rows = np.unique(numbers[: tail.size] * nodes.size + numbers[tail.size :])
    group_known = np.zeros(int(group.max()) + 1, np.bool_)
    group_known[group[known]] = True
    group_held = np.zeros(group_known.size, np.bool_)
    group_held[group[held]] = True
    group_held[nodes] = _not_let_back(
        rows // nodes.size, rows % nodes.size, group_known[nodes], group_held[nodes], limit
    )
    result: Flags = held & group_held[group]
    return result


def _not_let_back(tail: Integers, head: Integers, known: Flags, held: Flags, limit: int) -> Flags:
    """Let held nodes back, people first, and return those that stay held: bool[nodes]."""
    held = held.copy()
    for turn in ("known", "joining", "all"):
        for _ in range(ROUNDS):
            joined = _joined_groups(tail, head, known, held)
            back = held & (joined <= limit)
            if turn == "known":
                back &= known
            elif turn == "joining":
                back &= known | (joined > 0)
            if not back.any():
                break
            held &= ~back
    return held


def _joined_groups(tail: Integers, head: Integers, known: Flags, held: Flags) -> Integers:
    """Count, for each held node, the distinct groups with a known identifier next to it."""
    open_links = ~(held[tail] | held[head])
    group = _components(known.size, tail[open_links], head[open_links])
    group_known = np.zeros(known.size, np.bool_)
    group_known[group[known]] = True
    counted = held[tail] & group_known[group[head]]
    pairs = np.unique(tail[counted] * known.size + group[head[counted]])
    return np.bincount(pairs // known.size, minlength=known.size)


def _positions(
    left: ArrayLike, right: ArrayLike, count: int | None = None
) -> tuple[Integers, Integers]:
    first, second = np.asarray(left, np.int64), np.asarray(right, np.int64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError("a link needs a left and a right end")
    if first.size:
        if min(first.min(), second.min()) < 0:
            raise ValueError("a position is negative")
        if count is not None and max(first.max(), second.max()) >= count:
            raise ValueError(f"a position is not below the {count} identifiers")
    return first, second


def _pair_key(first: Integers, second: Integers, width: int) -> Integers:
    """Number a pair alike in both directions; fits 64 bits while positions fit 31."""
    key: Integers = np.minimum(first, second) * width + np.maximum(first, second)
    return key


def _distinct(first: Integers, second: Integers, n: int) -> tuple[Integers, Integers]:
    apart = first != second
    keys = np.unique(_pair_key(first[apart], second[apart], n))
    return keys // max(n, 1), keys % max(n, 1)


def _components(n: int, left: Integers, right: Integers) -> Integers:
    """Label the connected components 0, 1, …; the labels themselves mean nothing."""
    if not left.size:
        return np.arange(n, dtype=np.int64)
    links = coo_array((np.ones(left.size, np.int8), (left, right)), shape=(n, n))
    labels: Integers = connected_components(links, directed=False)[1].astype(np.int64)
    return labels


def _earliest(label: Integers, by_order: Integers) -> Integers:
    """Name each component by its earliest member: of several writes to one place the last stays."""
    latest_first = by_order[::-1]
    first = np.empty(label.size, np.int64)
    first[label[latest_first]] = latest_first
    named: Integers = first[label]
    return named
