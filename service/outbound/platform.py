"""What a platform takes. Each is one file in `platforms/`, found there by itself.

A statement is told in our own words first (`Statement`), so that it can be compared with what was
said before; a platform turns statements into its own at the moment they leave.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from service.outbound.destinations import Destination

Action = Literal["report", "restate", "retract"]
MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement to a platform about one conversion.

    Instants are microseconds, amounts minor units of `currency`; `credit` is in millionths of a
    conversion, `value_minor` the whole value of the conversion. `click` is name and value of the
    click id, empty where people are matched by `identifiers` (values by kind). `stated_at`: when
    it came into the outbox.
    """

    order_id: str
    conversion_id: str
    occurred_at: int
    value_minor: int
    currency: str
    credit: int = MILLION
    click: tuple[str, str] | None = None
    clicked_at: int | None = None
    identifiers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    model: str = ""
    action: Action = "report"
    stated_at: int = 0

    def to_payload(self) -> dict[str, Any]:
        """What is said, without the action: equal when nothing changed."""
        return {
            "conversion_id": self.conversion_id,
            "occurred_at": self.occurred_at,
            "value_minor": self.value_minor,
            "currency": self.currency,
            "credit": self.credit,
            "click": list(self.click) if self.click else None,
            "clicked_at": self.clicked_at,
            "identifiers": {k: list(v) for k, v in sorted(self.identifiers.items())},
            "model": self.model,
        }

    @classmethod
    def from_payload(
        cls, order_id: str, action: Action, stated_at: int, payload: Mapping[str, Any]
    ) -> "Statement":
        """The statement of a row of the outbox."""
        click = payload["click"]
        values = {**payload, "click": (click[0], click[1]) if click else None}
        return cls(order_id=order_id, action=action, stated_at=stated_at, **values)


Write = Callable[[Sequence[Statement], "Destination"], bytes]


@dataclass(frozen=True, slots=True)
class Document:
    """A file of a platform: which actions it carries and how it is written."""

    ending: str
    media_type: str
    write: Write
    actions: frozenset[str] = frozenset({"report"})


@dataclass(frozen=True, slots=True)
class Pushed:
    """How a platform answered one request: `accepted`, or what to do about it."""

    accepted: bool
    answer: str
    again: bool = False


@dataclass(frozen=True, kw_only=True)
class Platform:
    """One platform.

    clicks: names of its click ids, the strongest first; identifiers: kinds it matches people by;
    fractional: takes a share of a conversion for each click; corrects: takes restatements and
    retractions; window: how old a conversion may be; documents by name, the first is the usual
    one; push: sends statements (at most `push_rows` at once), by the client and the destination.
    """

    name: str
    title: str
    clicks: tuple[str, ...]
    identifiers: tuple[str, ...] = ()
    fractional: bool = False
    corrects: bool = False
    window: timedelta
    documents: Mapping[str, Document]
    push: Callable[[Any, Sequence[Statement], "Destination"], Pushed] | None = None
    push_rows: int = 1_000


@cache
def platforms() -> Mapping[str, Platform]:
    """The platforms by name."""
    package = import_module("service.outbound.platforms")
    modules = (
        import_module(f"{package.__name__}.{m.name}") for m in iter_modules(package.__path__)
    )
    found: list[Platform] = [module.PLATFORM for module in modules]
    return {platform.name: platform for platform in sorted(found, key=lambda p: p.name)}
