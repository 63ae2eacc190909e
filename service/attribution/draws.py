"""Other counts of the same paths: what a bootstrap draws, without a table of draws times paths."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from service.attribution.journeys import Bools
from service.attribution.paths import Floats, row_elements

Table = Any
"""Floats or whole numbers in two dimensions, dense or sparse; SciPy has no types of its own."""

AT_ONCE = 4_000_000
"""Cells of a table worked on at once: 32 MB."""


@dataclass(frozen=True, eq=False)
class Draws:
    """d counts of p paths: each a row, or, with `times`, a sum of rows.

    Attributes:
        conversions, nulls, values: [d, p], dense or sparse; with `times` [g, p], those of groups.
        times: float64[d, g], how often each draw holds each group, or None.
    """

    conversions: Table
    nulls: Table
    values: Table
    times: Floats | None = None

    def __len__(self) -> int:
        held = self.conversions if self.times is None else self.times
        return int(held.shape[0])

    def of_paths(self, keep: Bools) -> "Draws":
        """The same draws, only of the paths where keep[p] holds."""
        if keep.all():
            return self
        tables = (self.conversions, self.nulls, self.values)
        won, lost, worth = (table[:, np.flatnonzero(keep)] for table in tables)
        return Draws(won, lost, worth, self.times)

    def sums(self, table: Table, counter: sparse.csr_array) -> Table:
        """[d or g, k], what is linear in the counts, to be drawn by `drawn`; counter: [p, k].

        As many numbers as groups times counters, however many draws there are.
        """
        if not sparse.issparse(table):
            return table @ counter
        counts = sparse.csr_array(table)
        return counts @ counter if _is_large(counts, counter) else _product(counts, counter)

    def drawn(self, table: Table, rows: slice) -> Floats:
        """float64[rows, k], those draws of a table of `sums` or of counts."""
        part = table[rows] if self.times is None else self.times[rows].astype(np.float64) @ table
        return np.asarray(part.toarray() if sparse.issparse(part) else part, dtype=np.float64)

    def parts(self, cells: int) -> Iterator[slice]:
        """The draws in parts, so few at once that `cells` numbers for each stay below AT_ONCE."""
        step = max(AT_ONCE // max(cells, 1), 1)
        for first in range(0, len(self), step):
            yield slice(first, min(first + step, len(self)))


def _is_large(table: sparse.csr_array, counter: sparse.csr_array) -> bool:
    return bool(table.shape[0] * counter.shape[1] > AT_ONCE)


def _product(table: sparse.csr_array, counter: sparse.csr_array) -> Floats:
    """float64[g, k], table @ counter. Adding up into a dense table takes half of SciPy's time."""
    groups, width = table.shape[0], counter.shape[1]
    group = np.repeat(np.arange(groups), np.diff(table.indptr))
    sizes = np.diff(counter.indptr)[table.indices]
    places = row_elements(counter.indptr[table.indices], sizes)
    keys = np.repeat(group * width, sizes) + counter.indices[places]
    amounts = np.repeat(table.data, sizes) * counter.data[places]
    sums = np.bincount(keys, amounts, groups * width).astype(np.float64, copy=False)
    return sums.reshape(groups, width)
