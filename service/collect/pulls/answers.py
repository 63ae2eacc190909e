"""Answers of platforms into spend lines, by the presets that read the same reports from files."""

import re
from collections.abc import Mapping
from typing import Any

from service.collect.presets.recognise import recognise, recognise_document
from service.collect.pulls.asking import PullError
from service.collect.rows import Reading
from service.collect.table_items import items_of_table, open_recognised
from service.kit.errors import BadRequest, Refusal, TooLarge

MOST_LINES = 1_000_000
_ANNOUNCED = re.compile(r'^"?(?:Total rows|Rows): (\d+)"?\s*$', re.MULTILINE)


def lines_of_document(
    document: Any, preset: str, defaults: Mapping[str, str], decimal: str = "."
) -> list[Any]:
    """The lines of a JSON answer that has rows. Raises PullError."""
    found = recognise_document(document)
    if found is None or found.shape.preset != preset:
        raise PullError("unreadable", "the answer does not have the fields that were asked for")
    return _lines(found, defaults, decimal)


def lines_of_table(body: bytes, preset: str, defaults: Mapping[str, str]) -> list[Any]:
    """The lines of a table, which is whole: as many rows as it says. Raises PullError."""
    found = recognise(body, Reading())
    if found is None or found.shape.preset != preset:
        raise PullError("unreadable", "the answer is not the table that was asked for", again=True)
    lines = _lines(found, defaults)
    announced = _ANNOUNCED.search(body.decode("utf-8", "replace"))
    if announced is None:
        raise PullError("unreadable", "the report breaks off", again=True)
    if int(announced[1]) != len(lines):
        detail = f"the report holds {len(lines)} rows and speaks of {announced[1]}"
        raise PullError("unreadable", detail, again=True)
    return lines


def _lines(found: Any, defaults: Mapping[str, str], decimal: str = ".") -> list[Any]:
    try:
        opened = open_recognised(found, reading=Reading(decimal=decimal), defaults=defaults)
        return items_of_table(*opened, MOST_LINES)
    except TooLarge as error:
        raise PullError("too_much", error.detail) from error
    except (BadRequest, Refusal) as error:
        raise PullError("unreadable", error.detail) from error
