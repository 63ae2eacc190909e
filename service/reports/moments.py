"""Two moments of one ledger: how far facts count at each, and which settings hold."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select

from service.kit.db import reading
from service.kit.errors import Refusal
from service.kit.time import iso, to_micros
from service.ledger.configuration import CONFIGURATIONS
from service.ledger.read import last_seq, received_by_seq, seq_received_by
from service.ledger.versions import list_versions
from service.reports import campaigns
from service.reports.configuration import SETTING, Edition
from service.reports.editions import Editions, Versioned
from service.reports.publishing import HOOKS

Answer = dict[str, Any]
AsOf = int | datetime
DAWN = datetime(1971, 1, 1, tzinfo=UTC)
"""Before every fact and every setting."""


@dataclass(frozen=True)
class Moment:
    """`at`: since when the ledger has been so far, None: it is the present. `settled_at`: the moment
    whose settings hold, None: the present ones; of a watermark it is when the next fact came."""

    watermark: int
    at: datetime | None
    settled_at: datetime | None
    edition: Edition
    rules: Versioned

    @property
    def name(self) -> tuple[Any, ...]:
        """Equal where every report is."""
        return (self.watermark, self.at, self.edition.version, self.edition.digest, self.rules[0])

    def told(self) -> Answer:
        return {
            "watermark": self.watermark,
            "at": self.at and iso(to_micros(self.at)),
            "campaign_rules": self.rules[0],
            "settings": self.edition.name,
        }


@dataclass(frozen=True)
class Between:
    """Two moments of one ledger."""

    engine: Engine
    then: Moment
    later: Moment
    rate_max_age_days: int


def two_moments(
    engine: Engine, editions: Editions, present: int, since: AsOf, until: AsOf | None
) -> tuple[Moment, Moment]:
    """What two `as_of` stand for; `until` None: the present, whose mart is at watermark `present`.

    Raises: Refusal where the second lies before the first.
    """
    then = moment_of(engine, editions, since)
    if until is None:
        watermark = max(present, then.watermark)
        later = Moment(watermark, None, None, editions.current(), editions.campaign_rules())
    else:
        later = moment_of(engine, editions, until)
    backwards = then.at is not None and later.at is not None and later.at < then.at
    if later.watermark < then.watermark or backwards:
        raise Refusal("empty_period", "to_as_of", "to_as_of must not lie before from_as_of")
    return then, later


def moment_of(engine: Engine, editions: Editions, as_of: AsOf) -> Moment:
    """What an `as_of` stands for."""
    settled_at = editions.settled_at(as_of)
    edition, rules = editions.as_of(as_of), editions.campaign_rules(as_of)
    if isinstance(as_of, datetime):
        return Moment(seq_received_by(engine, as_of), as_of, settled_at, edition, rules)
    watermark = min(as_of, last_seq(engine))
    at = received_by_seq(engine, watermark) or DAWN
    return Moment(watermark, at, settled_at, edition, rules)


def settings_between(between: Between) -> list[Answer]:
    """The settings of reports that were written between the two moments, in that order: of hooks
    only where what statuses mean changed."""
    edges = (between.then.settled_at, between.later.settled_at)
    known = [edge for edge in edges if edge is not None]
    if not known:
        return []
    # A watermark's settings are those of the time before the next fact: they may be the later ones.
    first, last = min(known), max(known) if len(known) == 2 else None
    table = CONFIGURATIONS
    query = (
        select(table.c.name, table.c.version, table.c.created_at, table.c.author)
        .where(
            table.c.name.in_((campaigns.SETTING, SETTING))
            | table.c.name.startswith(HOOKS, autoescape=True),
            table.c.created_at > first,
        )
        .order_by(table.c.id)
    )
    if last is not None:
        query = query.where(table.c.created_at <= last)
    with reading(between.engine).connect() as connection:
        rows = connection.execute(query).all()
    return [
        {"name": name, "version": version, "at": iso(to_micros(at)), "author": author}
        for name, version, at, author in rows
        if not name.startswith(HOOKS) or _stages_changed(between.engine, name, version)
    ]


def _stages_changed(engine: Engine, name: str, version: int) -> bool:
    """Whether a hook's version says otherwise than the one before what statuses mean."""
    two = list_versions(engine, name, 2, version + 1)
    stages = [(each.value or {}).get("stages") or {} for each in two]
    return stages[0] != (stages[1] if len(stages) == 2 else {})
