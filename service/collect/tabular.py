"""Tables out of bytes or files: CSV and TSV, NDJSON, a JSON array, Parquet, each gzip or not.

What cannot be read at all is refused as a whole; a row that cannot be read is refused in its place,
and the rows around it are given.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from service.collect.body import BOM, parse_json
from service.collect.delimited import Delimited
from service.collect.rows import MAX_LINE, Bytes, Format, Reading, Row
from service.kit.errors import BadRequest, Refusal

__all__ = ["Reading", "Row", "Table", "read_table"]

LARGEST_ARRAY = 256 * 2**20
"""Largest JSON array, bytes unpacked: it has to be read as a whole."""

_DELIMITED_NAMES = (".csv", ".tsv", ".tab", ".txt")
_PARQUET_MAGIC = b"PAR1"


class Table:
    """An open table: iterate over its rows once, then close it (or use `with`).

    `columns`: their names in order, None where each row names its own (JSON). `size` and `done`:
    bytes on disk in all and read so far. `delimiter`: of delimited text, else None.
    """

    def __init__(self, data: bytes | Path, reading: Reading) -> None:
        self._bytes = Bytes(data)
        self.size = self._bytes.size
        self.columns: tuple[str, ...] | None = None
        self.delimiter: str | None = None
        self._done: Callable[[], int] = lambda: self._bytes.done
        try:
            head = self._bytes.peek(4096)
            self.format = reading.format or _format_of(data, head)
            self._rows = self._open(reading, head)
        except BaseException:
            self._bytes.close()
            raise

    def _open(self, reading: Reading, head: bytes) -> Iterator[Row]:
        if self.format == "parquet":
            from service.collect.columnar import Parquet  # Arrow is only loaded where it is needed

            parquet = Parquet(self._bytes.file)
            self.columns = parquet.columns
            # Columns lie one behind the other, so the place in the file says nothing.
            self._done = lambda: self.size * parquet.done // max(1, parquet.size)
            return iter(parquet)
        if self.format == "json":
            return self._array() if head.removeprefix(BOM).lstrip()[:1] == b"[" else self._lines()
        delimited = Delimited(self._bytes.lines(), reading)
        self.columns, self.delimiter = delimited.columns, delimited.delimiter
        _check_decimal(reading.decimal, self.delimiter)
        return iter(delimited)

    @property
    def done(self) -> int:
        return self._done()

    def __iter__(self) -> Iterator[Row]:
        return self._rows

    def _lines(self) -> Iterator[Row]:
        number = 0
        try:
            for number, line in self._bytes.lines():
                text = line.removeprefix(BOM) if number == 1 else line
                if text.strip():
                    yield _json_row(number, text)
        except Refusal as broken_off:
            yield Row(number + 1, {}, broken_off)

    def _array(self) -> Iterator[Row]:
        data = self._bytes.read()
        if len(data) > LARGEST_ARRAY:
            raise BadRequest("too_large", "The JSON array is too large; write one object a line.")
        for number, item in enumerate(parse_json(data), 1):
            yield _object_row(number, item)

    def close(self) -> None:
        """Let go of the file."""
        self._bytes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_table(data: bytes | Path, reading: Reading | None = None) -> Table:
    """Open a table.

    Args: data: the bytes themselves, or the path of a file.
    Raises: BadRequest where nothing can be read (the code says why), Refusal for a decimal sign
        that does not go with the table, OSError where the file cannot be opened.
    """
    return Table(data, reading or Reading())


def _format_of(data: bytes | Path, head: bytes) -> Format:
    if head.startswith(_PARQUET_MAGIC):
        return "parquet"
    if isinstance(data, Path):
        suffixes = [s.lower() for s in data.suffixes if s.lower() not in (".gz", ".gzip")]
        if suffixes and suffixes[-1] in _DELIMITED_NAMES:
            return "delimited"
    return "json" if head.removeprefix(BOM).lstrip()[:1] in (b"{", b"[") else "delimited"


def _check_decimal(decimal: str, delimiter: str) -> None:
    if decimal not in (".", ","):
        raise Refusal("bad_decimal", "decimal", "the decimal sign is a point or a comma")
    if decimal == "," and delimiter != ";":
        raise Refusal(
            "bad_decimal",
            "decimal",
            "a decimal comma is taken only in tables delimited by semicolons; this one is not",
        )


def _json_row(number: int, line: bytes) -> Row:
    if len(line) > MAX_LINE:
        refusal = Refusal("too_large", "", f"a line holds at most {MAX_LINE} bytes")
        return Row(number, {}, refusal, line[:MAX_LINE].decode(errors="replace"))
    try:
        return _object_row(number, parse_json(line))
    except BadRequest as error:
        refusal = Refusal(error.code, "", error.detail)
        return Row(number, {}, refusal, line.decode(errors="replace").rstrip("\r\n"))


def _object_row(number: int, item: Any) -> Row:
    if isinstance(item, dict):
        return Row(number, item)
    refusal = Refusal("not_an_object", "", "a row is a JSON object")
    return Row(number, {}, refusal, repr(item))
