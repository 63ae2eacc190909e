"""Bytes in, plain items out: size limits, gunzip, strict JSON, NDJSON. Knows no wire format.

The body is read raw: senders label JSON as text/plain, forms as JSON and gzip as nothing at all.
"""

import json
import math
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from service.kit.errors import BadRequest, Refusal, TooLarge

GZIP_MAGIC = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"
DRAINED = 32
MOST_MEMBERS = 100


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands where an item could not be read; `refusal` says why."""

    refusal: Refusal
    raw: str
    identity: str = ""


async def read_body(
    chunks: AsyncIterator[bytes], encoding: str, limit: int, announced: str | None = None
) -> bytes:
    """The whole body, gunzipped where it is gzip by header or by its first bytes.

    Args: limit: most bytes, both as sent and unpacked; announced: the Content-Length header.
    Raises: TooLarge, or BadRequest for an unknown or broken compression.
    """
    parts: list[bytes] = []
    size = 0
    too_large = announced is not None and announced.isdigit() and int(announced) > limit
    async for chunk in chunks:
        size += len(chunk)
        too_large = too_large or size > limit
        # What is too large is still read for a while and thrown away: a client that is cut off
        # in the middle of sending would see a broken connection instead of the reason.
        if size > DRAINED * limit:
            break
        if not too_large:
            parts.append(chunk)
    if too_large:
        raise _too_large(limit)
    body = b"".join(parts)
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise BadRequest(
            "bad_encoding", f"Content-Encoding {encoding[:40]!r} is not known; send gzip or none."
        )
    if body.startswith(GZIP_MAGIC):
        return gunzip(body, limit)
    return body


def gunzip(body: bytes, limit: int) -> bytes:
    """Unpack, reading no more than `limit` bytes of what may be a bomb."""
    parts: list[bytes] = []
    room = limit + 1
    # Several members one after another are one stream; zeros may pad its end.
    while body.strip(b"\0"):
        if len(parts) == MOST_MEMBERS:
            raise BadRequest("bad_gzip", f"A body has at most {MOST_MEMBERS} gzip members.")
        unpacker = zlib.decompressobj(wbits=31)
        try:
            parts.append(unpacker.decompress(body, room))
        except zlib.error as error:
            raise BadRequest("bad_gzip", f"The body is not whole gzip: {error}.") from error
        room -= len(parts[-1])
        if room <= 0:
            raise _too_large(limit)
        if not unpacker.eof:
            raise BadRequest("bad_gzip", "The gzip stream ends in the middle; send the whole body.")
        body = unpacker.unused_data
    return b"".join(parts)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        "body_too_large", f"The body may hold {limit} bytes, unpacked too; send smaller batches."
    )


def parse_json(body: bytes) -> Any:
    """The JSON value of the body, with anything JSON does not allow kept in its place as a mark
    that no field accepts, so that the rest can be judged item by item.

    Raises BadRequest where the text as a whole cannot be read.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return _parse_leniently(body, str(error))


def _parse_leniently(body: bytes, problem: str) -> Any:
    """Read what the strict parser refused, for one bad number not to cost its neighbours."""
    try:
        text = body.removeprefix(BOM).decode()
    except UnicodeDecodeError as error:
        raise BadRequest(
            "not_utf8", f"Byte {error.start} is not UTF-8; send the body encoded as UTF-8."
        ) from error
    try:
        return json.loads(text, parse_constant=NotANumber, parse_float=_finite, parse_int=_bounded)
    except (ValueError, RecursionError) as error:
        raise BadRequest("malformed_json", f"The body is not JSON: {problem}.") from error


class NotANumber:
    """NaN, an infinity, or a number too large to hold: no field accepts it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"the number {self.text[:40]}"


def _finite(text: str) -> Any:
    value = float(text)
    return value if math.isfinite(value) else NotANumber(text)


def _bounded(text: str) -> Any:
    return int(text) if len(text) <= 19 else NotANumber(text)


def parse_items(body: bytes, limit: int) -> Sequence[Any]:
    """The items of a body that is one JSON object, an array, or NDJSON.

    Args: limit: most items. Returns the items in order; an unreadable NDJSON line is an
    Unreadable in its place. Raises BadRequest, or TooLarge for too many items.
    """
    body = body.removeprefix(BOM).strip()
    if not body:
        raise BadRequest(
            "empty_body", "The body is empty; send an event, an array of them, or NDJSON."
        )
    items = _one_document(body)
    if items is None:
        lines = body.split(b"\n", limit + 1)
        if len(lines) > limit:
            raise _too_many(limit)
        items = [_line(line) for line in lines if line.strip()]
    if len(items) > limit:
        raise _too_many(limit)
    return items


def _one_document(body: bytes) -> list[Any] | None:
    """The document's items, or None where the body is lines of documents."""
    try:
        value = parse_json(body)
    except BadRequest:
        if body.startswith(b"{") and b"\n" in body:
            return None
        raise
    return value if isinstance(value, list) else [value]


def _too_many(limit: int) -> TooLarge:
    return TooLarge("too_many_items", f"One request may hold {limit} items; send more requests.")


def _line(line: bytes) -> Any:
    try:
        return parse_json(line)
    except BadRequest as error:
        return Unreadable(Refusal(error.code, "", error.detail), line.decode(errors="replace"))


def raw_text(item: Any, limit: int = 32 * 1024) -> str:
    """An item as text for the quarantine, cut at `limit` characters; never raises."""
    if isinstance(item, Unreadable):
        return item.raw[:limit]
    try:
        return orjson.dumps(item, default=repr).decode()[:limit]
    except (TypeError, ValueError):  # surrogates, depth: keep what a person can still read
        try:
            return ascii(item)[:limit]
        except RecursionError:
            return f"a {type(item).__name__} nested too deep to be written out"
