"""Files as platforms read them: CSV of RFC 4180, amounts with a point, moments with an offset."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC

from service.kit.money import to_text
from service.kit.time import from_micros
from service.outbound.platform import MILLION, Statement


def csv_bytes(rows: Iterable[Sequence[str]]) -> bytes:
    """UTF-8 with CRLF; a field is quoted where it must be."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def moment(micros: int, pattern: str = "%Y-%m-%d %H:%M:%S+00:00") -> str:
    """A moment in UTC, to the second."""
    return from_micros(micros).astimezone(UTC).strftime(pattern)


def amount(statement: Statement) -> str:
    """The whole value of the conversion, in major units."""
    return to_text(statement.value_minor, statement.currency)


def credit(statement: Statement) -> str:
    """The share of the conversion, above 0 and at most 1, without zeros at its end."""
    whole, part = divmod(statement.credit, MILLION)
    return f"{whole}.{part:06d}".rstrip("0").rstrip(".")


def first(statement: Statement, kind: str) -> str:
    """The first of the identifiers of the kind, empty where there is none."""
    return next(iter(statement.identifiers.get(kind, ())), "")
