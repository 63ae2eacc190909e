"""Typed parameters of models: text from a query string to a value and back to one canonical text."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal

from service.kit.errors import Refusal
from service.kit.time import format_duration, parse_duration

_SHARE = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,3})?")
_COUNT = re.compile(r"[0-9]{1,6}")
_PART_OF_LOOKBACK = re.compile(r"lookback/([1-9][0-9]{0,2})")
LARGEST_SHARE = 1000
NONE = "none"


@dataclass(frozen=True)
class PartOfLookback:
    """A duration that is known only with the question's lookback: lookback / divisor."""

    divisor: int

    def of(self, lookback: timedelta | None) -> timedelta:
        """The duration for this lookback; raises Refusal `bad_parameter` without a limit."""
        if lookback is None or lookback <= timedelta(0):
            raise Refusal(
                "bad_parameter",
                "model",
                f"lookback/{self.divisor} needs a lookback; ask with one such as lookback=90d",
            )
        return lookback / self.divisor

    def __str__(self) -> str:
        return f"lookback/{self.divisor}"


Value = Decimal | timedelta | PartOfLookback | bool | int | str | None
Kind = Literal["share", "duration", "flag", "choice", "count", "transform"]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a model.

    Attributes:
        kind: share (a number from 0 to 1000 with at most three decimals; only proportions count),
            duration (`7d`, or `lookback/4`), flag (true or false), choice (one of `choices`), count
            (a whole number), transform (a chain of path transforms, read by `reader`).
        default: the value when the parameter is not given; None reads `none`.
        optional: whether `none` may be written.
        least, most: bounds of a count.
        reader: of a transform: the canonical text of what was written, None where it is wrong.
    """

    name: str
    kind: Kind
    default: Value
    meaning: str
    choices: tuple[str, ...] = ()
    optional: bool = False
    least: int = 0
    most: int = 999_999
    reader: Callable[[str], str | None] | None = None

    def parse(self, text: str) -> Value:
        """The value of a text.

        Raises:
            Refusal: `bad_parameter`, saying what may be written.
        """
        if self.optional and text == NONE:
            return None
        value = self._read(text)
        if value is None:
            raise Refusal(
                "bad_parameter", "model", f"{self.name}={text[:40]} is not {self._expected()}"
            )
        return value

    def _read(self, text: str) -> Value:
        if self.kind == "share":
            return _read_share(text)
        if self.kind == "duration":
            return _read_duration(text)
        if self.kind == "flag":
            return {"true": True, "false": False}.get(text)
        if self.kind == "count":
            fits = _COUNT.fullmatch(text) and self.least <= int(text) <= self.most
            return int(text) if fits else None
        if self.reader is not None:
            return self.reader(text)
        return text if text in self.choices else None

    def _expected(self) -> str:
        expected = {
            "share": f"a share from 0 to {LARGEST_SHARE} with at most three decimals",
            "duration": "a duration above zero such as 7d, 12h or lookback/4",
            "flag": "true or false",
            "choice": f"one of {', '.join(self.choices)}",
            "count": f"a whole number from {self.least} to {self.most}",
            "transform": "a chain of transforms such as exposure+first",
        }[self.kind]
        return f"{expected} or none" if self.optional else expected


def _read_share(text: str) -> Decimal | None:
    if not _SHARE.fullmatch(text) or Decimal(text) > LARGEST_SHARE:
        return None
    whole, _, decimals = text.partition(".")
    decimals = decimals.rstrip("0")
    return Decimal(f"{int(whole)}.{decimals}" if decimals else int(whole))


def _read_duration(text: str) -> timedelta | PartOfLookback | None:
    part = _PART_OF_LOOKBACK.fullmatch(text)
    if part is not None:
        return PartOfLookback(int(part[1]))
    try:
        duration = parse_duration(text, "model")
    except Refusal:
        return None
    return duration or None


def format_value(value: Value) -> str:
    """The canonical text: the one that `Parameter.parse` reads back to the same value."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return format_duration(value)
    return str(value)


def json_value(value: Value) -> str | int | float | bool | None:
    """The value for a JSON answer: shares are numbers, durations are texts."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, timedelta | PartOfLookback):
        return format_value(value)
    return value
