"""Which preset a file or a body is of, and the table inside it: below the lines that stand before a
header, out of UTF-16 as web interfaces write it, out of a JSON document."""

import codecs
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from service.collect.delimited import DELIMITERS, split_line
from service.collect.filling import flat
from service.collect.presets import Shape, best_fit, shapes
from service.collect.rows import Bytes, Reading
from service.kit.errors import BadRequest

HEAD_BYTES = 2**16
HEAD_LINES = 40
"""A header stands among the first lines; reports write up to a dozen before it."""
FEWEST_COLUMNS = 3
LARGEST_DOCUMENT = 64 * 2**20
"""Largest JSON document and largest UTF-16 file, bytes unpacked: they are read as a whole."""

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PARQUET_MAGIC = b"PAR1"


@dataclass(frozen=True, slots=True)
class Recognised:
    """A table of a platform: `data` and `reading` are what `read_table` takes."""

    shape: Shape
    data: bytes | Path
    reading: Reading


def recognise(data: bytes | Path, reading: Reading) -> Recognised | None:
    """The platform's table in a file or a body; None where no preset knows it.

    Raises: BadRequest for broken gzip or a report too large to be read as a whole; OSError.
    """
    source = Bytes(data)
    try:
        head = source.peek(HEAD_BYTES)
        if head.startswith(_PARQUET_MAGIC) or reading.format == "parquet":
            return None
        if head.startswith(_UTF16_MARKS):
            data = _whole(source).decode("utf-16", "replace").encode()
            head = data[:HEAD_BYTES]
        elif head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"["):
            rows = _document(source, head)
            return rows and replace(rows, reading=Reading(format="json"))
    finally:
        source.close()
    found = _header(head, reading)
    return found and replace(found, data=data)


def recognise_document(document: Any) -> Recognised | None:
    """The same for JSON that was read already."""
    for keys in dict.fromkeys(shape.document for shape in shapes() if shape.document):
        rows = [dict(_plain(row)) for row in _rows(document, keys)]
        columns = tuple(dict.fromkeys(name for row in rows for name in row))
        if shape := best_fit(columns, document=keys):
            # Every row has every column: a field is then looked up in one place for all.
            whole = [{name: row.get(name) for name in columns} for row in rows]
            return Recognised(shape, b"\n".join(map(orjson.dumps, whole)), Reading(format="json"))
    return None


def _document(source: Bytes, head: bytes) -> Recognised | None:
    names = {shape.document[-1] for shape in shapes() if shape.document}
    if not any(f'"{name}"'.encode() in head for name in names):
        return None  # spares ordinary lines a second reading
    try:
        return recognise_document(orjson.loads(_whole(source)))
    except orjson.JSONDecodeError:
        return None  # lines of JSON, or none: whoever reads them says so


def _whole(source: Bytes) -> bytes:
    data = source.read_up_to(LARGEST_DOCUMENT + 1)
    if len(data) > LARGEST_DOCUMENT:
        raise BadRequest("too_large", "The report is too large to be read as a whole; split it.")
    return data.removeprefix(codecs.BOM_UTF8)


def _rows(document: Any, keys: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    """The objects at the end of the keys, each with what stands beside the lists on the way."""
    if isinstance(document, list):
        for part in document:
            yield from _rows(part, keys)
    elif isinstance(document, dict) and not keys:
        yield document
    elif isinstance(document, dict):
        inner = document.get(keys[0])
        beside = {k: v for k, v in document.items() if k != keys[0] and isinstance(v, str | int)}
        for row in _rows(inner, keys[1:]):
            yield {**beside, **row}


def _plain(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Columns by their path; a list of texts is one text."""
    for name, value in flat(row).items():
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            yield name, " ".join(value)
        elif not isinstance(value, list):
            yield name, value


def _header(head: bytes, reading: Reading) -> Recognised | None:
    try:
        text = head.decode(reading.encoding, "replace")
    except LookupError:
        return None
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    for number, line in enumerate(lines[:HEAD_LINES], 1):
        for delimiter in (reading.delimiter,) if reading.delimiter else DELIMITERS:
            cells = split_line(line, delimiter)
            if len(cells) < FEWEST_COLUMNS:
                continue
            if shape := best_fit(cells, delimiter):
                found = replace(reading, delimiter=delimiter, header_line=number)
                return Recognised(shape, b"", replace(found, format="delimited"))
    return None
