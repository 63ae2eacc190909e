"""Clicks as identifiers: who carries a click id and who is told of by it are one.

Of a touch every click id that the sender names himself; of an address only those by which networks
tell of conversions later (class `affiliate`). Not those of the large ad platforms: links with them
are copied and passed on, and the colleagues of one click would become one person.
"""

import re
from functools import cache
from typing import Final

from service.collect.channels.rules import click_ids
from service.collect.identifiers import Identifier, IdentifierReader
from service.collect.landing import read_landing
from service.collect.schemas import Event
from service.kit.errors import Refusal

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


def clicks_of(event: Event, reader: IdentifierReader) -> list[Identifier]:
    """The clicks by which the event's person is known. Never raises: a click id that cannot be read
    identifies nobody."""
    named = dict(event.touch.click_ids or {}) if event.touch else {}
    address = event.page.url if event.page else event.touch.url if event.touch else None
    if address and ("?" in address or "#" in address):
        for name, value in read_landing(address).click_ids.items():
            if name in told_by():
                named.setdefault(name, value)
    found = []
    for name, value in named.items():
        if _NAME.fullmatch(name.lower()):
            try:
                click = reader.read(f"click:{name.lower()}", value)
            except Refusal:
                continue
            if click is not None:
                found.append(click)
    return found


@cache
def told_by() -> frozenset[str]:
    """Names of click ids by which networks tell of conversions."""
    return frozenset(n for n, click in click_ids().items() if click.click_class == "affiliate")
