"""CSV and its relatives, record by record; a record that is broken costs itself and no other.

Python's csv reads, strictly. What it lets pass is refused here: quotes inside an unquoted field,
NUL, bytes that are not of the encoding. A quote that is never closed would swallow the rest of the
file: such a record costs its first line alone, and reading goes on with the next.
"""

import codecs
import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache

from service.collect.rows import MAX_LINE, Reading, Row
from service.kit.errors import BadRequest, Refusal

DELIMITERS = (",", ";", "\t")
NAMES = {",": "commas", ";": "semicolons", "\t": "tabs"}
_LOOK_AHEAD = 10
_EXCEL_HINT = re.compile(r"sep=(.)\r?\n?")
_NOT_DECODED = re.compile("[\udc80-\udcff]")
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")

Line = tuple[int, str]


class Delimited:
    """The rows of a delimited text; its first line names the columns.

    Raises BadRequest where no row can be trusted: an unknown encoding, a header that cannot be
    read, a delimiter that cannot be told.
    """

    def __init__(self, lines: Iterator[tuple[int, bytes]], reading: Reading) -> None:
        _check_encoding(reading.encoding)
        self._encoding = "utf-8" if _is_utf8(reading.encoding) else reading.encoding
        self._feed = _Feed(_decoded(lines, self._encoding))
        try:
            head = self._first_line(reading.header_line)
            given = reading.delimiter
            if hint := _EXCEL_HINT.fullmatch(head[1]):
                given = given or hint[1]
                head = self._first_line()
            ahead = self._feed.look_ahead(_LOOK_AHEAD)
        except Refusal as refusal:
            raise BadRequest(refusal.code, refusal.detail) from refusal
        self.delimiter = _delimiter(head[1], given, [text for _, text in ahead])
        self.columns = self._header(head)

    def _first_line(self, number: int = 1) -> Line:
        for line in self._feed.source:
            if line[0] >= number and line[1].strip():
                return line
        raise BadRequest("empty_table", "The table is empty; its first line names the columns.")

    def _header(self, head: Line) -> tuple[str, ...]:
        if refusal := _text_refusal(head[1], self._encoding):
            raise BadRequest(refusal.code, f"Line {head[0]}: {refusal.detail}.")
        names = [name.strip() for name in split_line(head[1], self.delimiter)]
        if not names:
            raise BadRequest(
                "bad_header", f"Line {head[0]} names the columns and cannot be read; {_QUOTES}."
            )
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise BadRequest(
                "bad_header",
                f"The first line names the column {twice[0]!r} more than once; "
                "a table begins with a line of different column names.",
            )
        return tuple(names)

    def __iter__(self) -> Iterator[Row]:
        feed, width = self._feed, len(self.columns)
        reader = csv.reader(feed, delimiter=self.delimiter, strict=True)
        while True:
            feed.start()
            refusal, fields = None, []
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                refusal = _broken(error)
            except Refusal as broken_off:
                yield Row(feed.last, {}, broken_off)
                return
            text = feed.text
            if not text.strip("\r\n"):
                continue
            if refusal is None and '"' in text and not _quoting(self.delimiter).fullmatch(text):
                refusal = Refusal("bad_quotes", "", "a quote stands inside a field; " + _QUOTES)
            if refusal:
                feed.give_back()
                refusal = _text_refusal(feed.text, self._encoding) or refusal
            else:
                refusal = _text_refusal(text, self._encoding) or _width_refusal(fields, width)
            if refusal:
                yield Row(feed.line, {}, refusal, _printable(feed.text))
            else:
                yield Row(feed.line, dict(zip(self.columns, fields, strict=True)))


class _Feed:
    """Gives csv its lines, remembers those of the record at hand, takes back what was too many."""

    def __init__(self, source: Iterator[Line]) -> None:
        self.source = source
        self._waiting: deque[Line] = deque()
        self._taken: list[Line] = []
        self._size = 0
        self.last = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self.source)
        self._taken.append(line)
        self.last = line[0]
        self._size += len(line[1])
        if self._size > MAX_LINE:
            raise csv.Error(f"a record holds at most {MAX_LINE} bytes")
        return line[1]

    def start(self) -> None:
        self._taken = []
        self._size = 0

    def give_back(self) -> None:
        """All lines of the record but the first wait to be read again."""
        self._waiting.extendleft(reversed(self._taken[1:]))
        del self._taken[1:]

    def look_ahead(self, count: int) -> list[Line]:
        """The next lines, which stay to be read."""
        while len(self._waiting) < count and (line := next(self.source, None)):
            self._waiting.append(line)
        return list(self._waiting)

    @property
    def line(self) -> int:
        """The number of the record's first line."""
        return self._taken[0][0] if self._taken else 0

    @property
    def text(self) -> str:
        return "".join(text for _, text in self._taken)


def _check_encoding(encoding: str) -> None:
    try:
        plain = "\n,;\t\"'a0".encode(encoding).removeprefix(_UTF8_MARK)
    except (LookupError, UnicodeError):
        plain = b""
    if plain != b"\n,;\t\"'a0":
        raise BadRequest(
            "unknown_encoding",
            f"The encoding {encoding[:40]!r} is not known here or not built on ASCII; "
            "name one like utf-8 or cp1251.",
        )


def _is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")


def _decoded(lines: Iterable[tuple[int, bytes]], encoding: str) -> Iterator[Line]:
    """The lines as text; bytes that the encoding does not know become lone surrogates."""
    for number, line in lines:
        if number == 1 and line.startswith(_UTF16_MARKS):
            raise BadRequest("not_utf8", "The file is UTF-16; save it as CSV UTF-8.")
        if number == 1 and line.startswith(_UTF8_MARK):
            if not _is_utf8(encoding):
                raise BadRequest(
                    "wrong_encoding",
                    f"The file says itself that it is UTF-8; leave out the encoding {encoding}.",
                )
            line = line.removeprefix(_UTF8_MARK)
        if len(line) <= MAX_LINE:
            yield number, line.decode(encoding, "surrogateescape")
        else:  # it comes cut, and must not pass for a whole one of fewer characters
            yield number, line.decode(encoding, "replace").ljust(MAX_LINE + 1)


def _delimiter(head: str, given: str | None, ahead: list[str]) -> str:
    """The delimiter given, if the header bears it out, or the only one that fits.

    Raises: BadRequest `bad_delimiter`, `wrong_delimiter` or `unclear_delimiter`.
    """
    if given and (len(given) > 1 or given in '"\r\n\x00 ' or given.isalnum()):
        raise BadRequest("bad_delimiter", "A delimiter is one sign, such as ; or | or a tab.")
    widths = {d: len(split_line(head, d)) for d in {*DELIMITERS, given or ","}}
    fitting = [d for d in DELIMITERS if widths[d] > 1]
    if given:
        if widths[given] == 1 and fitting:
            raise BadRequest(
                "wrong_delimiter",
                f"The first line is one column when split at {given!r} and {widths[fitting[0]]} "
                f"when split at {NAMES[fitting[0]]}; name the delimiter that the file has.",
            )
        return given
    if len(fitting) > 1:
        fitting = [
            d for d in fitting if ahead and all(len(split_line(t, d)) == widths[d] for t in ahead)
        ] or fitting
    if len(fitting) > 1:
        raise BadRequest(
            "unclear_delimiter",
            f"The first lines can be split at {' or at '.join(NAMES[d] for d in fitting)}; "
            "name the delimiter.",
        )
    return fitting[0] if fitting else ","


def split_line(text: str, delimiter: str) -> list[str]:
    """The fields of one line; none where it is no whole record."""
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


_QUOTES = 'write a field that holds quotes as "…" and each quote inside it twice'


@cache
def _quoting(delimiter: str) -> re.Pattern[str]:
    """A record whose every quote opens a field, closes it, or is doubled inside it."""
    apart = re.escape(delimiter)
    field = rf'(?:"(?:[^"]++|"")*+"|[^"{apart}\r\n]*+)'
    return re.compile(rf"{field}(?:{apart}{field})*+[\r\n]*")


def _broken(error: csv.Error) -> Refusal:
    if "field limit" in str(error) or "at most" in str(error):
        return Refusal(
            "too_large", "", "the record is too large, or a quote in this line is not closed"
        )
    return Refusal("bad_quotes", "", f"the line is not whole: {error}; {_QUOTES}")


def _text_refusal(text: str, encoding: str) -> Refusal | None:
    if "\x00" in text:
        return Refusal("nul_character", "", "the row holds the character NUL, which no text may")
    if text.isascii() or not (found := _NOT_DECODED.search(text)):
        return None
    if _is_utf8(encoding):
        return Refusal(
            "not_utf8",
            "",
            f"character {found.start() + 1} is not UTF-8; save the file as UTF-8 or name its "
            "encoding (--encoding cp1251 for Cyrillic Windows, cp1252 for western Europe)",
        )
    return Refusal("wrong_encoding", "", f"character {found.start() + 1} is not {encoding}")


def _width_refusal(fields: list[str], width: int) -> Refusal | None:
    if len(fields) == width:
        return None
    return Refusal(
        "wrong_field_count",
        "",
        f"the header names {width} columns and this row has {len(fields)}; "
        "put a field that holds the delimiter or a line end in quotes",
    )


def _printable(text: str) -> str:
    return text.rstrip("\r\n").encode(errors="surrogateescape").decode(errors="replace")
