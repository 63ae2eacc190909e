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

What a public key says is weaker evidence, for anybody can hold one. People who are *vouched* for, named
by a server, are never joined by it:

5. What is shared is found twice: among the links that servers vouch for alone, and among all. The
   second takes only the links of public keys away: forged ones do not take a server's apart.
6. The groups that servers' links make come first. Public links join them in the order in which they
   were first said; one that would bring two groups with vouched people together does not count.

Hence:

- order, direction and repetition of links change nothing;
- resolving clusters apart gives the same people as resolving all at once, so that after new facts
  only the clusters they touch are resolved again.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from service.identity.graphs import (
    Flags,
    Integers,
    components,
    distinct,
    earliest,
    join_in_order,
    pair_key,
    positions,
)

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


@dataclass(frozen=True, slots=True)
class Evidence:
    """How good the evidence is.

    trusted: bool[e], whether a server said so; first_at: int64[e], when it was first said,
    microseconds since the epoch; vouched: bool[n], whether the identifier names a person and a server
    used it.
    """

    trusted: ArrayLike
    first_at: ArrayLike
    vouched: ArrayLike


def resolve(
    identifier_count: int,
    left: ArrayLike,
    right: ArrayLike,
    known: ArrayLike,
    order: ArrayLike,
    shared_limit: int,
    holds: ArrayLike | None = None,
    evidence: Evidence | None = None,
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
        evidence: which links are weaker; without it all are as good as a server's.

    Raises:
        ValueError: lengths differ, a position is out of range or the limit below 1.
    """
    first, second = positions(left, right, identifier_count)
    is_known, ranks = np.asarray(known, np.bool_), np.asarray(order, np.int64)
    if is_known.shape != (identifier_count,) or ranks.shape != (identifier_count,):
        raise ValueError("known and order need one entry for each identifier")
    if shared_limit < 1:
        raise ValueError("the shared limit is at least 1")
    low, high = distinct(first, second, identifier_count)
    by_order = np.argsort(ranks, kind="stable")
    cluster = earliest(components(identifier_count, low, high), by_order)
    if holds is not None:
        kept = np.asarray(holds, np.bool_)
        if kept.shape != first.shape:
            raise ValueError("holds needs one entry for each link")
        low, high = distinct(first[kept], second[kept], identifier_count)
    shared = _shared(identifier_count, low, high, is_known, shared_limit)
    if evidence is not None:
        links = _links(first, second, holds, evidence, ranks)
        if not links.trusted.all():
            person, shared = _weighed(links, shared, is_known, shared_limit)
            return Resolution(earliest(person, by_order), shared, cluster)
    if not shared.any() and holds is None:
        return Resolution(cluster, shared, cluster)
    kept = ~(shared[low] | shared[high])
    person = earliest(components(identifier_count, low[kept], high[kept]), by_order)
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
    first, second = positions(left, right)
    cut_first, cut_second = positions(unlink_left, unlink_right)
    linked_at, cut_at = np.asarray(link_at, np.int64), np.asarray(unlink_at, np.int64)
    if linked_at.shape != first.shape or cut_at.shape != cut_first.shape:
        raise ValueError("links and unlinks need one time each")
    if not cut_at.size or not linked_at.size:
        return np.ones(linked_at.size, np.bool_)
    width = 1 + max(int(part.max()) for part in (first, second, cut_first, cut_second))
    cuts = pair_key(cut_first, cut_second, width)
    ascending = np.lexsort((cut_at, cuts))
    cuts, cut_at = cuts[ascending], cut_at[ascending]
    latest = np.append(cuts[1:] != cuts[:-1], True)
    cuts, cut_at = cuts[latest], cut_at[latest]
    pairs = pair_key(first, second, width)
    place = np.minimum(np.searchsorted(cuts, pairs), cuts.size - 1)
    result: Flags = (cuts[place] != pairs) | (linked_at > cut_at[place])
    return result


@dataclass(frozen=True, slots=True)
class _Weighed:
    """Links with their evidence, and of identifiers what `Evidence` and `order` say."""

    first: Integers
    second: Integers
    trusted: Flags
    first_at: Integers
    vouched: Flags
    ranks: Integers


def _links(
    first: Integers, second: Integers, holds: ArrayLike | None, evidence: Evidence, ranks: Integers
) -> _Weighed:
    """The links that hold. Raises ValueError where the evidence is of other links."""
    trusted = np.asarray(evidence.trusted, np.bool_)
    first_at = np.asarray(evidence.first_at, np.int64)
    vouched = np.asarray(evidence.vouched, np.bool_)
    if (
        trusted.shape != first.shape
        or first_at.shape != first.shape
        or vouched.shape != ranks.shape
    ):
        raise ValueError("evidence needs one entry for each link and identifier")
    kept = np.ones(first.size, np.bool_) if holds is None else np.asarray(holds, np.bool_)
    return _Weighed(first[kept], second[kept], trusted[kept], first_at[kept], vouched, ranks)


def _weighed(
    links: _Weighed, everywhere: Flags, known: Flags, limit: int
) -> tuple[Integers, Flags]:
    """Labels of the people, and what is shared, where some links are a public key's word.

    Args: everywhere: what is shared when all links count alike.
    """
    n, trusted = known.size, links.trusted
    low, high = distinct(links.first[trusted], links.second[trusted], n)
    by_servers = _shared(n, low, high, known, limit)
    kept = ~(by_servers[low] | by_servers[high])
    group = components(n, low[kept], high[kept])
    vouched = np.zeros(int(group.max(initial=-1)) + 1, np.bool_)
    vouched[group[links.vouched]] = True
    gone = everywhere | by_servers
    public = ~trusted & ~(gone[links.first] | gone[links.second])
    joined = join_in_order(
        vouched,
        group[links.first[public]],
        group[links.second[public]],
        _order_of(links, public),
    )
    held = np.zeros(n, np.bool_)
    held[low[kept]] = held[high[kept]] = True
    return joined[group], by_servers | (everywhere & ~held)


def _order_of(links: _Weighed, chosen: Flags) -> Integers:
    """Places of the chosen links in the order in which they were said, ties by their ends."""
    ends = links.ranks[links.first[chosen]], links.ranks[links.second[chosen]]
    by_time = np.lexsort((np.maximum(*ends), np.minimum(*ends), links.first_at[chosen]))
    order = np.empty(by_time.size, np.int64)
    order[by_time] = np.arange(by_time.size)
    return order


def _shared(n: int, low: Integers, high: Integers, known: Flags, limit: int) -> Flags:
    """Quarantine as the module's text says; the links are distinct and without loops."""
    held = np.bincount(low, minlength=n) + np.bincount(high, minlength=n) > limit
    if not held.any():
        return held
    free = ~(held[low] | held[high])
    group = components(n, low[free], high[free])
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
    group = components(known.size, tail[open_links], head[open_links])
    group_known = np.zeros(known.size, np.bool_)
    group_known[group[known]] = True
    counted = held[tail] & group_known[group[head]]
    pairs = np.unique(tail[counted] * known.size + group[head[counted]])
    return np.bincount(pairs // known.size, minlength=known.size)
