"""A fact without its person: what of a payload could tell one person from another, taken out, and
what every report counts left as it is.

Pure functions of payloads as `collect` writes them.
"""

from collections.abc import Collection, Iterable, Mapping
from itertools import groupby
from secrets import token_hex
from typing import Any, Final
from urllib.parse import unquote

import orjson

PERSONAL: Final = {
    "track": {"properties"},
    "lead": {"name"},
    "deal": {"name"},
    "review": {"text"},
    "account": {"name"},
}
"""Fields of each part that may name a person."""

RECORDS: Final = ("lead", "deal", "order")
"""Types of facts about something with an id and a story of its own."""

ERASED: Final = "erased"


def take_person_out(payload: dict[str, Any]) -> None:
    """Take out what was said beside the identifiers and may tell who it was."""
    for name in ("click_ids", "segment"):
        payload.pop(name, None)
    if page := payload.get("page"):
        payload["page"] = _shortened(page)
    for part, names in PERSONAL.items():
        if part in payload:
            payload[part] = {k: v for k, v in payload[part].items() if k not in names}


def _shortened(page: Mapping[str, Any]) -> dict[str, Any]:
    """The page without the query of its address, and of the referrer the site alone."""
    kept = {}
    if url := page.get("url"):
        kept["url"] = url.partition("#")[0].partition("?")[0]
    if referrer := page.get("referrer"):
        # What stands after the second slash is read as the site, whatever stands before it.
        site = [*referrer.split("/", 3), "", "", ""][2].partition("#")[0].partition("?")[0]
        kept["referrer"] = f"https://{site.rpartition('@')[2]}/" if site else ""
    return {name: value for name, value in kept.items() if value}


def people_in(payload: Mapping[str, Any]) -> list[list[str]]:
    """The identifiers that a fact names, of each person together."""
    unlinked = ([identifier] for identifier in payload.get("unlink", {}).values())
    contacts = payload.get("deal", {}).get("contacts", ())
    return [payload.get("identifiers", []), *contacts, *unlinked]


def nameless(payload: dict[str, Any], stand_ins: Mapping[str, str]) -> str:
    """The payload as canonical JSON with `stand_ins` for the identifiers they stand for, and
    nothing else of their person. It is changed in place."""
    take_person_out(payload)
    if "identifiers" in payload:
        payload["identifiers"] = _replaced(payload["identifiers"], stand_ins)
    if contacts := payload.get("deal", {}).get("contacts"):
        payload["deal"]["contacts"] = [_replaced(contact, stand_ins) for contact in contacts]
    if unlink := payload.get("unlink"):
        payload["unlink"] = {side: stand_ins.get(i, i) for side, i in unlink.items()}
    if url := payload.get("page", {}).get("url"):
        values = {value_of(identifier) for identifier in stand_ins}
        payload["page"]["url"] = "/".join(
            ERASED if place > 2 and ("@" in unquote(part) or unquote(part) in values) else part
            for place, part in enumerate(url.split("/"))
        )
    return orjson.dumps(payload, option=orjson.OPT_SORT_KEYS).decode()


def _replaced(identifiers: Iterable[str], stand_ins: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(stand_ins.get(i, i) for i in identifiers))


def kind_of(identifier: str) -> str:
    """`email`, or `click:gclid`."""
    head = identifier.split(":", 2)
    return ":".join(head[:2]) if head[0] == "click" else head[0]


def value_of(identifier: str) -> str:
    return identifier[len(kind_of(identifier)) + 1 :]


def stand_ins(names: Iterable[str], gone: Collection[str]) -> dict[str, str]:
    """Of each identifier in `gone` a random one of the same kind, which lies among `names` where the
    old one did: where two things happen at once, the order of texts decides, and stays so."""
    found = {}
    for kind, of_kind in groupby(sorted(set(names), key=_place), key=kind_of):
        values = between([value_of(i) for i in of_kind], {value_of(i) for i in gone})
        found.update({f"{kind}:{old}": f"{kind}:{new}" for old, new in values.items()})
    return {old: new for old, new in found.items() if old in gone}


def _place(identifier: str) -> tuple[str, str]:
    return kind_of(identifier), value_of(identifier)


def between(texts: list[str], gone: Collection[str]) -> dict[str, str]:
    """Of each of the ascending texts that is in `gone` a random text in its place: after the text
    before it that stays and before the one that follows, also where quotes end them (`#` comes after
    those and before letters and digits)."""
    found, low = {}, ""
    for is_gone, run in groupby(texts, key=gone.__contains__):
        together = list(run)
        if not is_gone:
            low = together[-1]
            continue
        tokens = sorted(token_hex(8) for _ in together)
        found.update({old: f"{low}#{ERASED}-{t}" for old, t in zip(together, tokens, strict=True)})
    return found
