"""What changes of several CRMs have in common beside `crm`: people with more addresses than one,
names for what has none, moments that nobody wrote, amounts as Java writes them."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

import orjson

from service.collect.wire import NativeEvent
from service.kit.errors import Refusal

MAX_ADDRESSES: Final = 10
_SCIENTIFIC: Final = re.compile(r"-?[0-9]\.[0-9]{1,17}E[0-9]{1,2}")


def person_of(emails: Sequence[str], phones: Sequence[str], **more: str) -> dict[str, Any]:
    """Native identifiers of the person: the first e-mail address and number, and whatever else is
    not empty."""
    first = {"email": next(iter(emails), ""), "phone": next(iter(phones), "")}
    return {kind: value for kind, value in {**more, **first}.items() if value}


def further_of(**addresses: Sequence[str]) -> list[dict[str, str]]:
    """The addresses of each kind after its first, as of `Record.also`."""
    return [
        {kind: value} for kind, values in addresses.items() for value in values[1:MAX_ADDRESSES]
    ]


def digest_of(content: Any) -> str:
    """16 characters that stand for the content. Raises Refusal for what JSON does not allow."""
    try:
        told = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError) as error:
        raise Refusal("invalid_text", "", f"what changed cannot be read: {error}") from None
    return blake2b(told, digest_size=8).hexdigest()


def undated(events: Iterable[NativeEvent]) -> list[NativeEvent]:
    """Events dated by their arrival since their sender wrote no moment: sent again, which is later,
    they are the same ones (see `native.to_fact`)."""
    return [{"claimed_at": "", **event} for event in events]


def plain_amount(value: Any) -> Any:
    """An amount written like 1.25E7 in full; anything else as it is."""
    if isinstance(value, str) and _SCIENTIFIC.fullmatch(value.strip()):
        return format(Decimal(value.strip()), "f")
    return value
