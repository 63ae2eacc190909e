"""What every kind of table comes down to: numbered rows, read from bytes that may be gzip."""

import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from service.collect.body import GZIP_MAGIC
from service.kit.errors import BadRequest, Refusal

MAX_LINE = 2**20
"""Longest line and longest record, bytes."""

Format = Literal["delimited", "json", "parquet"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a table is to be read; what is not given is found out, never guessed at silently.

    `delimiter` and `format` None: by the content. `decimal` is "." or ","; a comma is taken only
    in tables delimited by semicolons, for anywhere else it may be the delimiter. `header_line`:
    the first line that may name the columns, from 1.
    """

    encoding: str = "utf-8"
    delimiter: str | None = None
    decimal: str = "."
    format: Format | None = None
    header_line: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """A row by column name, or the reason why it cannot be read.

    `line`: of text the line it begins on, the first line being 1; of Parquet and of a JSON array
    the row, the first being 1. Cells of text are text; `raw` is there where `refusal` is.
    """

    line: int
    values: Mapping[str, Any]
    refusal: Refusal | None = None
    raw: str = ""


class Bytes:
    """The unpacked bytes of a file or a body, and how far they were read."""

    def __init__(self, data: bytes | Path) -> None:
        self._raw: IO[bytes] = io.BytesIO(data) if isinstance(data, bytes) else data.open("rb")
        self.size = self._raw.seek(0, io.SEEK_END)
        self._raw.seek(0)
        packed = self._raw.read(2) == GZIP_MAGIC
        self._raw.seek(0)
        self._stream = gzip.GzipFile(fileobj=self._raw) if packed else self._raw
        self.packed = packed

    @property
    def done(self) -> int:
        """Bytes read so far, as they lie on disk."""
        return min(self._raw.tell(), self.size)

    @property
    def file(self) -> IO[bytes]:
        """The bytes as a file that can be read from any place."""
        return io.BytesIO(self.read()) if self.packed else self._raw

    def peek(self, size: int) -> bytes:
        """The first bytes, still to be read. Raises BadRequest for broken gzip."""
        try:
            head = self._stream.read(size)
            self._stream.seek(0)
        except (OSError, EOFError, zlib.error) as error:
            raise BadRequest("bad_gzip", f"The file is not whole gzip: {error}.") from error
        return head

    def read(self) -> bytes:
        """All of them. Raises BadRequest for broken gzip."""
        try:
            return self._stream.read()
        except (OSError, EOFError, zlib.error) as error:
            raise BadRequest("bad_gzip", f"The file is not whole gzip: {error}.") from error

    def read_up_to(self, size: int) -> bytes:
        """All of them, or the first so many. Raises BadRequest for broken gzip."""
        try:
            return self._stream.read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise BadRequest("bad_gzip", f"The file is not whole gzip: {error}.") from error

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Lines with their ends, numbered from 1; of an overlong one the first MAX_LINE + 1 bytes.

        Raises: Refusal `bad_gzip` at the place where packed bytes end too early or make no sense.
        """
        number = 0
        while True:
            number += 1
            try:
                line = self._stream.readline(MAX_LINE + 1)
                rest = line
                while len(rest) > MAX_LINE and not rest.endswith(b"\n"):
                    rest = self._stream.readline(MAX_LINE + 1)
            except (OSError, EOFError, zlib.error) as error:
                raise Refusal(
                    "bad_gzip", "", f"the gzip stream breaks off here: {error}; get the file anew"
                ) from error
            if not line:
                return
            yield number, line

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()
        self._raw.close()
