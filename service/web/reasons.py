"""Why a touch has its credit, and why it is the buyer's, in the words of the page of a journey."""

from dataclasses import dataclass
from typing import Any

from service.web import words
from service.web.format import Formatter


@dataclass(frozen=True)
class Why:
    """Of one touch: how its credit was worked out, who told us, and what joins it to the buyer."""

    worked: str
    told: str
    joined: list[str]


def reasons_of(explained: dict[str, Any], formatter: Formatter) -> list[Why]:
    """One of each touch, in their order, under the first model that was asked for."""
    steps = explained["models"][0]["touchpoints"]
    return [
        Why(
            step["worked"],
            _told(touchpoint["fact"], formatter),
            _joined(touchpoint["joined"], formatter),
        )
        for step, touchpoint in zip(steps, explained["touchpoints"], strict=True)
    ]


def _told(fact: dict[str, Any], formatter: Formatter) -> str:
    if fact["source"] is None:
        return "The record was erased since"
    received = formatter.moment(fact["received_at"])
    return f"{fact['source']}, record {fact['id']}, received {received}"


def _joined(joined: dict[str, Any] | None, formatter: Formatter) -> list[str]:
    if joined is None:
        return []
    if joined["by"] == "account":
        return ["Somebody else of the same account"]
    if joined["by"] == "identifier":
        return [f"Touch and conversion name the same {_name(joined['identifier']).lower()}"]
    return [
        f"{_name(link['left'])} and {_name(link['right']).lower()} are one: "
        f"{_told(link['fact'], formatter)}"
        for link in joined["links"]
    ]


def _name(identifier: dict[str, Any]) -> str:
    kind = identifier["kind"]
    return words.IDENTIFIERS.get(kind) or words.humane(kind)
