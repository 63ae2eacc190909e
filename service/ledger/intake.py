"""How each source is doing: what became of what it sent, how fast it sends, how fresh it is.

All of it is read from the ledger's own counts (`counting`), so it survives restarts and is the same
in every process.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from service.kit.db import reading
from service.ledger.counting import FLAG, REQUEST
from service.ledger.tables import IntakeCount, IntakeHour, Pull, Source

HOURS: Final = 24
_HOUR = timedelta(hours=1)


def list_sources(engine: Engine, now: datetime) -> list[dict[str, Any]]:
    """Every source, in the order in which they were made.

    `outcomes` sum up to `received`. `per_hour`: items of each of the last 24 hours of the clock,
    the running one last; `rate` is their mean. `last_at` is when the newest item arrived, `newest_at`
    the latest moment that an accepted fact or a duplicate of one tells of. `pull` is None where
    nothing is fetched for the source.
    """
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    first = this_hour - (HOURS - 1) * _HOUR
    with Session(reading(engine)) as session:
        counts: dict[int, list[IntakeCount]] = defaultdict(list)
        for row in session.exec(select(IntakeCount).order_by(col(IntakeCount.outcome))):
            counts[row.source_id].append(row)
        hours: dict[int, list[int]] = defaultdict(lambda: [0] * HOURS)
        grouped = (
            select(IntakeHour.source_id, IntakeHour.hour, func.sum(IntakeHour.count))
            .where(IntakeHour.hour >= first, IntakeHour.hour <= this_hour)
            .group_by(col(IntakeHour.source_id), col(IntakeHour.hour))
        )
        for source_id, hour, count in session.exec(grouped):
            hours[source_id][(hour - first) // _HOUR] += int(count)
        pulls = {pull.source_id: pull for pull in session.exec(select(Pull))}
        sources = session.exec(select(Source).order_by(col(Source.id))).all()
        return [
            _source(s, counts[s.id or 0], hours[s.id or 0], pulls.get(s.id or 0)) for s in sources
        ]


def _source(
    source: Source, counts: list[IntakeCount], per_hour: list[int], pull: Pull | None
) -> dict[str, Any]:
    outcomes, flagged, requests = {}, {}, {}
    for row in counts:
        if row.outcome.startswith(FLAG):
            flagged[row.outcome.removeprefix(FLAG)] = row.count
        elif row.outcome.startswith(REQUEST):
            requests[row.outcome.removeprefix(REQUEST)] = row.count
        elif row.count:
            outcomes[row.outcome] = row.count
    arrived = [row.last_at for row in counts if row.last_at and not row.outcome.startswith(REQUEST)]
    told = [row.newest_at for row in counts if row.newest_at]
    return {
        "id": source.id,
        "name": source.name,
        "created_at": source.created_at,
        "outcomes": outcomes,
        "received": sum(outcomes.values()),
        "flagged": flagged,
        "refused_requests": requests,
        "last_at": max(arrived, default=None),
        "newest_at": max(told, default=None),
        "rate": round(sum(per_hour) / HOURS, 6),
        "per_hour": per_hour,
        "pull": _pull(pull) if pull else None,
    }


def _pull(pull: Pull) -> dict[str, Any]:
    return {
        "platform": pull.platform,
        "complete_to": pull.cursor,
        "next_at": pull.next_at,
        "succeeded_at": pull.succeeded_at,
        "failing_since": pull.failing_since,
        "failures": pull.failures,
        "last_error": pull.last_error,
    }
