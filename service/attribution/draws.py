"""Other counts of the same paths: what a bootstrap draws, without a table of draws times paths."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from service.attribution.journeys import Bools
from service.attribution.paths import Floats

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

    def sums(self, table: Table, counter: Table) -> Table:
        """[d or g, k], what is linear in the counts, to be drawn by `drawn`; counter: [p, k].

        As many numbers as groups times counters, however many draws there are.
        """
        found = sparse.csr_array(table) @ counter if sparse.issparse(table) else table @ counter
        small = found.shape[0] * found.shape[1] <= AT_ONCE
        return found.toarray() if sparse.issparse(found) and small else found

    def drawn(self, table: Table, rows: slice) -> Floats:
        """float64[rows, k], those draws of a table of `sums` or of counts."""
        part = table[rows] if self.times is None else self.times[rows].astype(np.float64) @ table
        return np.asarray(part.toarray() if sparse.issparse(part) else part, dtype=np.float64)

    def parts(self, cells: int) -> Iterator[slice]:
        """The draws in parts, so few at once that `cells` numbers for each stay below AT_ONCE."""
        step = max(AT_ONCE // max(cells, 1), 1)
        for first in range(0, len(self), step):
            yield slice(first, min(first + step, len(self)))
