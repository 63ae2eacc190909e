"""A person of a CRM who has more addresses than one: each is a link of its own."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from service.collect.wire import NativeEvent

MAX_ADDRESSES: Final = 10


def person_of(emails: Sequence[str], phones: Sequence[str], **more: str) -> dict[str, Any]:
    """Native identifiers of the person: the first e-mail address and number, and whatever else is
    not empty."""
    first = {"email": next(iter(emails), ""), "phone": next(iter(phones), "")}
    return {kind: value for kind, value in {**more, **first}.items() if value}


def further_addresses(
    event_id: str, occurred_at: str, owner: Mapping[str, Any], **addresses: Sequence[str]
) -> Iterator[NativeEvent]:
    """Links from the owner, one native identifier, to each address of a kind after its first."""
    for kind, values in addresses.items():
        for place, value in enumerate(values[1:MAX_ADDRESSES], 2):
            yield {
                "id": f"{event_id}:{kind}:{place}",
                "type": "identify",
                "occurred_at": occurred_at,
                "identifiers": {**owner, kind: value},
            }
