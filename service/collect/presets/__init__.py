"""Cost reports of ad platforms, recognised by their header: one TOML file a platform, found by itself.

    title = "Example Ads"

    [[table]]                                   # one for each header the platform is known to write
    needs = ["day", ["cost", "spend"]]          # columns that must be there; a list: one of them
    lacks = ["currency"]                        # columns that must not
    date_formats = ["%d.%m.%Y"]                 # default: ISO 8601
    unit = "micros"                             # default "main"; "micros_unless_point"
    document = ["data", "list"]                 # of JSON: the keys that lead to its rows

    [table.fields]                              # our field = their columns, the first that is there
    date = ["day"]
    amount = ["cost"]
    campaign_id = { columns = ["pivot"], pattern = "campaign:(\\\\d+)" }

    [table.constants]
    source = "example"
    medium = "cpc"

Column names are compared as those of `headings.toml`, unless the table says `exact = true`.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal

from service.collect.headings import plain

Unit = Literal["main", "micros", "micros_unless_point"]
ISO_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")
# A table that names its own source says itself what it is.
OWN_WORDS = frozenset({"source"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field stands: the first of `columns` that is there, or a template over columns.

    `pattern`: its group is the value; `remove`: characters that are left out; `heading`: the
    column's name, whose group is the currency.
    """

    columns: tuple[str, ...] = ()
    template: str = ""
    pattern: re.Pattern[str] | None = None
    remove: str = ""
    heading: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """One header by which a platform's report is known, and what its columns mean."""

    preset: str
    title: str
    needs: tuple[frozenset[str], ...]
    lacks: frozenset[str]
    fields: Mapping[str, Place]
    constants: Mapping[str, str] = field(default_factory=dict)
    date_formats: tuple[str, ...] = ISO_FORMATS
    unit: Unit = "main"
    document: tuple[str, ...] | None = None
    delimiter: str | None = None
    exact: bool = False
    summary: tuple[str, ...] = ()

    def name_of(self, column: str) -> str:
        """A column's name as this shape compares it."""
        return column.strip() if self.exact else plain(column)

    def fits(self, columns: Sequence[str], delimiter: str | None) -> bool:
        """Whether a table of these columns is one of this shape."""
        if self.delimiter and self.delimiter != delimiter:
            return False
        there = {self.name_of(column) for column in columns}
        return not there & self.lacks and all(
            any(self._is(name, found) for name in names for found in there) for names in self.needs
        )

    def column(self, place: Place, columns: Sequence[str]) -> str | None:
        """The column that holds the field, as the table writes it."""
        for name in place.columns:
            for column in columns:
                if self._is(name, self.name_of(column)):
                    return column
        return next((c for c in columns if place.heading and place.heading.fullmatch(c)), None)

    def _is(self, name: str, found: str) -> bool:
        """A name that ends in `*` stands for every name that begins so."""
        return found.startswith(name[:-1]) if name.endswith("*") else found == name


@cache
def shapes() -> tuple[Shape, ...]:
    """Every shape of every preset, those that need most first."""
    found = []
    for file in sorted(resources.files(__name__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            document = tomllib.loads(file.read_text("utf-8"))
            name = file.name.removesuffix(".toml")
            found += [_shape(name, document["title"], table) for table in document["table"]]
    return tuple(sorted(found, key=lambda shape: -len(shape.needs)))


def best_fit(
    columns: Sequence[str], delimiter: str | None = None, document: tuple[str, ...] | None = None
) -> Shape | None:
    """The shape of a table of these columns: of those that fit, the one that needs most.

    Args: document: of JSON the keys that led to the rows, None for a table.
    """
    return next(
        (
            shape
            for shape in shapes()
            if (document is None or shape.document == document) and shape.fits(columns, delimiter)
        ),
        None,
    )


def _shape(name: str, title: str, table: dict[str, Any]) -> Shape:
    exact = bool(table.get("exact"))

    def known(text: str) -> str:
        return text if exact else plain(text.removesuffix("*")) + "*" * text.endswith("*")

    document = table.get("document")
    needs = [[names] if isinstance(names, str) else names for names in table["needs"]]
    return Shape(
        preset=name,
        title=title,
        needs=tuple(frozenset(map(known, names)) for names in needs),
        lacks=OWN_WORDS | frozenset(map(known, table.get("lacks", ()))),
        fields={
            target: _place(place if isinstance(place, dict) else {"columns": place}, known)
            for target, place in table["fields"].items()
        },
        constants=table.get("constants", {}),
        date_formats=(*table.get("date_formats", ()), *ISO_FORMATS),
        unit=table.get("unit", "main"),
        document=tuple(document) if document is not None else None,
        delimiter=table.get("delimiter"),
        exact=exact,
        summary=tuple(table.get("summary", ())),
    )


def _place(said: Mapping[str, Any], known: Callable[[str], str]) -> Place:
    pattern, heading = said.get("pattern"), said.get("heading")
    return Place(
        columns=tuple(map(known, said.get("columns", ()))),
        template=said.get("template", ""),
        pattern=re.compile(pattern) if pattern else None,
        remove=said.get("remove", ""),
        heading=re.compile(heading, re.IGNORECASE) if heading else None,
    )
