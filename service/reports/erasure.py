"""Who a person to be erased is: all identifiers that the mart knows as his, and texts that name him."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote_plus

import orjson

from service.collect.identifiers import IdentifierReader
from service.journeys.mart import Mart
from service.kit.errors import Refusal
from service.ledger.erasure import Erased
from service.ledger.nameless import kind_of, value_of

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
        own_names[_plain(kind.rpartition(":")[2])].append(kind)
    values = sorted({v for i in identifiers if len(v := value_of(i)) >= SHORT})
    spelled = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, values))})(?!\w)")

    def is_his(kind: str, text: str) -> bool:
        try:
            found = reader.read(kind, text)
        except Refusal:
            return False
        return found is not None and f"{kind}:{found.value}" in identifiers

    def named_in(text: str) -> bool:
        said = _said(text)
        return any(
            part in identifiers or (values and spelled.search(part)) for _, part in said
        ) or any(
            is_his(kind, word)
            for field, word in _words(said)
            for kind in (kinds if len(word) >= SHORT else own_names.get(_plain(field), ()))
        )

    return Erased(identifiers, named_in)


def _plain(field: str) -> str:
    """One for `user_id`, `userId` and `User ID`."""
    return "".join(filter(str.isalnum, field)).lower()


def _said(text: str) -> set[tuple[str, str]]:
    """What a text says, each with the field it stands in, where it is JSON; the parts of addresses
    both as they are written and as they read."""
    try:
        said = set(_leaves("", orjson.loads(text)))
    except orjson.JSONDecodeError:
        said = {("", text)}
    said |= {(field, unquote_plus(part)) for field, part in said if "%" in part or "+" in part}
    return said


def _words(said: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """The same whole and word by word."""
    words = {("", word) for _, part in said for word in _BETWEEN_WORDS.split(part)}
    return words.union(said)


def _leaves(field: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield "", name
            yield from _leaves(name, part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(field, part)
    elif isinstance(value, (str, int)):
        yield field, str(value)
