"""Graphs of identifiers: vectorised, on integer positions, knowing nothing of people."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


def positions(
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


def pair_key(first: Integers, second: Integers, width: int) -> Integers:
    """Number a pair alike in both directions; fits 64 bits while positions fit 31."""
    key: Integers = np.minimum(first, second) * width + np.maximum(first, second)
    return key


def distinct(first: Integers, second: Integers, n: int) -> tuple[Integers, Integers]:
    apart = first != second
    keys = np.unique(pair_key(first[apart], second[apart], n))
    return keys // max(n, 1), keys % max(n, 1)


def components(n: int, left: Integers, right: Integers) -> Integers:
    """Label the connected components 0, 1, …; the labels themselves mean nothing."""
    if not left.size:
        return np.arange(n, dtype=np.int64)
    links = coo_array((np.ones(left.size, np.int8), (left, right)), shape=(n, n))
    labels: Integers = connected_components(links, directed=False)[1].astype(np.int64)
    return labels


def earliest(label: Integers, by_order: Integers) -> Integers:
    """Name each component by its earliest member: of several writes to one place the last stays."""
    latest_first = by_order[::-1]
    first = np.empty(label.size, np.int64)
    first[label[latest_first]] = latest_first
    named: Integers = first[label]
    return named


def join_in_order(vouched: Flags, left: Integers, right: Integers, order: Integers) -> Integers:
    """Join groups by links, earliest first, leaving out those that would join two vouched ones;
    returns labels of the groups.

    That is Kruskal's algorithm with all vouched groups joined to a root beforehand: a link between two
    of them closes a circle and is left out. The root is then taken away.
    """
    groups = vouched.size
    apart = left != right
    left, right, order = left[apart], right[apart], order[apart]
    # Of several links of a pair the earliest: scipy would add their weights up.
    keys = pair_key(left, right, max(groups, 1))
    ascending = np.lexsort((order, keys))
    first = np.append(True, keys[ascending][1:] != keys[ascending][:-1])[: keys.size]
    chosen = ascending[first]
    terminals = np.flatnonzero(vouched)
    tail = np.concatenate((left[chosen], np.full(terminals.size, groups)))
    head = np.concatenate((right[chosen], terminals))
    weight = np.concatenate((order[chosen] + 2.0, np.ones(terminals.size)))
    graph = coo_array((weight, (tail, head)), shape=(groups + 1, groups + 1))
    tree = minimum_spanning_tree(graph.tocsr()).tocoo()
    inner = (tree.row < groups) & (tree.col < groups)
    return components(groups, tree.row[inner].astype(np.int64), tree.col[inner].astype(np.int64))
