"""Where the number that a page shows is explained: the address of its page /explain."""

from dataclasses import dataclass
from datetime import date

from service.reports.cell_parts import Cell
from service.web.asking import Where
from service.web.state import State

EXPLAIN = "/explain"
FRESH = {"sort": "", "columns": "", "metric": "money", "search": "", "cursor": ""}
"""What a page has of its own choices, and another one should begin without."""
NOT_EXPLAINED = {"cell": "", "measure": "", "channel": "", "campaign": ""}
"""What the page /explain adds to an address, taken away again."""


@dataclass(frozen=True)
class Told:
    """A number in a text: as it is shown, and the cell and measure of the report that it is."""

    text: str
    cell: str
    measure: str
    earlier: bool = False

    def __str__(self) -> str:
        return self.text


Sentence = list[str | Told]


def plain(sentence: Sentence) -> str:
    """The sentence without its links."""
    return "".join(map(str, sentence))


def row_cell(dimension: str, value: str | None) -> str:
    """The cell of a report's row by the one dimension that labels it."""
    return str(Cell("row", ((dimension, value or ""),)))


@dataclass(frozen=True)
class Why:
    """Makes the addresses of explanations of one page's numbers: the same question, one cell.

    Attributes:
        where: the one value that each named dimension must have: channel, campaign.
        days_before: the compared days, inclusive; None when nothing is compared.
    """

    state: State
    where: Where
    days_before: tuple[date, date] | None = None

    def __call__(self, cell: str, measure: str, earlier: bool = False) -> str:
        """Of a cell's measure, in the chosen days or the compared ones."""
        changes = dict(FRESH)
        if earlier and self.days_before is not None:
            first, last = self.days_before
            changes |= {"period": "custom", "start": first.isoformat(), "end": last.isoformat()}
            changes["compare"] = "none"
        return self.state.url(
            EXPLAIN,
            **changes,
            channel=self.where.get("channel", ""),
            campaign=self.where.get("campaign", ""),
            cell="" if cell == "total" else cell,
            measure="" if measure == "revenue" else measure,
        )
