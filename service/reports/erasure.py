"""Who a person to be erased is: all identifiers that the mart knows as his, and texts that name him."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import unquote_plus

import orjson

from service.collect.identifiers import IdentifierReader
from service.journeys.mart import Mart
from service.kit.errors import Refusal
from service.ledger.erasure import Erased
from service.ledger.nameless import kind_of

SHORT: Final = 5
"""Of a text so short, such as the user id 42, only its own field says that it names somebody."""

_HIS = """
SELECT DISTINCT theirs.identifier
FROM identifiers AS named
JOIN identifier_people AS who ON who.identifier_id = named.identifier_id AND NOT who.shared
JOIN identifier_people AS all_of ON all_of.person_id = who.person_id AND NOT all_of.shared
JOIN identifiers AS theirs ON theirs.identifier_id = all_of.identifier_id
WHERE named.identifier IN (SELECT UNNEST($names))
"""
_BETWEEN_WORDS = re.compile(r"[\s\"'<>{}()\[\],;:&=?#/|\\]+")


def person_to_erase(mart: Mart, reader: IdentifierReader, given: Mapping[str, Any]) -> Erased:
    """The person with these identifiers, as `identifiers` of an event: with everything else that
    the mart knows him by. Several people, where the identifiers are of several.

    Raises: Refusal `bad_identifier`, also where one of them identifies nobody.
    """
    named = set()
    for kind, value in given.items():
        found = reader.read(kind, value)
        if found is None:
            raise Refusal(
                "bad_identifier", f"identifiers.{kind}", "this value identifies nobody; check it"
            )
        named.add(f"{found.kind}:{found.value}")
    mart.refresh()
    with mart.reading() as connection:
        rows = connection.execute(_HIS, {"names": sorted(named)}).fetchall()
    return _erased(frozenset(named | {identifier for (identifier,) in rows}), reader)


def _erased(identifiers: frozenset[str], reader: IdentifierReader) -> Erased:
    kinds = sorted({kind_of(identifier) for identifier in identifiers})
    own_names = defaultdict(list)
    for kind in kinds:
        own_names[kind.rpartition(":")[2]].append(kind)

    def is_his(kind: str, text: str) -> bool:
        try:
            found = reader.read(kind, text)
        except Refusal:
            return False
        return found is not None and f"{kind}:{found.value}" in identifiers

    def named_in(text: str) -> bool:
        return any(
            word in identifiers or is_his(kind, word)
            for field, word in _words(text)
            for kind in (kinds if len(word) >= SHORT else own_names.get(field, ()))
        )

    return Erased(identifiers, named_in)


def _words(text: str) -> Iterator[tuple[str, str]]:
    """What a text says, each with the field it stands in: as JSON where it is, and word by word
    however it is written."""
    with suppress(orjson.JSONDecodeError):
        yield from _leaves("", orjson.loads(text))
    for word in _BETWEEN_WORDS.split(text):
        yield "", word
        if "%" in word or "+" in word:
            yield "", unquote_plus(word)


def _leaves(field: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(name, part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(field, part)
    elif isinstance(value, (str, int)):
        yield field, str(value)
