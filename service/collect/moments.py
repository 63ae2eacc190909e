"""Moments as senders of all kinds write them, brought to ISO 8601 with an offset."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from service.collect.native import parse_moment
from service.kit.errors import Refusal

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROS: Final = {"s": 10**6, "ms": 10**3, "us": 1}
"""Microseconds of one unit of an epoch."""

_NUMBER: Final = re.compile(r"[0-9]{9,16}(?:\.[0-9]{1,9})?")
# No exponent: a few characters of one stand for a million digits, which take half a minute.
_OF_FORM: Final = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{0,40})?")


def iso_moment(value: Any, name: str, zone: str = "", form: str = "") -> str:
    """The moment as ISO 8601 with its offset.

    Args:
        value: ISO 8601 text, or a number of seconds, milliseconds or microseconds since 1970, told
            apart by its size; a date alone is its first moment.
        name: the field, for refusals.
        zone: IANA zone of a text without offset; empty: such a text is refused.
        form: `s`, `ms`, `us` or a pattern of `strptime`, where the size does not tell.
    Raises: Refusal, `bad_timestamp` or `naive_timestamp`.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _bad(value, name)
    text = str(value).strip()
    if "%" in form:
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007  (the zone follows)
        except ValueError:
            raise _bad(value, name) from None
        return _zoned(moment, name, zone)
    if form in MICROS or _NUMBER.fullmatch(text):
        return _of_number(text, form, name)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _bad(value, name) from None
    return _zoned(moment, name, zone)


def _of_number(text: str, form: str, name: str) -> str:
    if not _OF_FORM.fullmatch(text):
        raise _bad(text, name)
    whole = text.partition(".")[0]
    unit = form or ("s" if len(whole) <= 11 else "ms" if len(whole) <= 14 else "us")
    try:
        moment = EPOCH + timedelta(microseconds=int(Decimal(text) * MICROS[unit]))
    except (ArithmeticError, ValueError):
        raise _bad(text, name) from None
    return moment.isoformat()


def _zoned(moment: datetime, name: str, zone: str) -> str:
    if moment.tzinfo is None and zone:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return parse_moment(moment.isoformat(), name).isoformat()


def _bad(value: object, name: str) -> Refusal:
    shown = repr(value)[:64]
    return Refusal(
        "bad_timestamp", name, f"{shown} is no moment; write 2026-03-01T10:00:00Z or say its form"
    )
