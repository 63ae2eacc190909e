"""Things to be done later and again until they succeed, across restarts and by any process.

A task is claimed for a while, its lease: whoever claimed it and died leaves it to the next when the
lease is over. So a task may be done twice, and doing it twice must do no harm. Whoever comes back
after his lease finds that the task is no longer his and changes nothing.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import Engine, Select, Table, Update, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from service.kit.db import reading
from service.ledger.tables import TABLES

TASKS: Table = TABLES["tasks"]
FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST_WAIT: Final = timedelta(hours=2)
MAX_ATTEMPTS: Final = 16
"""With the waits between them somewhat more than half a day."""

LEASE: Final = timedelta(minutes=2)
MAX_ERROR = 500


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to be; once only by its name within its kind, for as long as it is remembered."""

    kind: str
    name: str
    source_id: int
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A task that is ours until its lease is over, at `until`; `attempt` counts from 1."""

    id: int
    kind: str
    name: str
    source_id: int
    payload: Any
    attempt: int
    until: datetime

    @property
    def is_last(self) -> bool:
        return self.attempt >= MAX_ATTEMPTS


def enqueue(engine: Engine, tasks: Sequence[NewTask], now: datetime, again: bool = False) -> int:
    """Keep the tasks, due at once; returns how many were taken. Durable when it returns.

    Args: again: a task that is known already is to be done anew, as if it had never been begun; by
    default it is left as it is.
    """
    if not tasks:
        return 0
    rows = [
        {
            "kind": task.kind,
            "name": task.name,
            "source_id": task.source_id,
            "payload": orjson.dumps(dict(task.payload), option=orjson.OPT_SORT_KEYS).decode(),
            "state": "waiting",
            "attempts": 0,
            "due_at": now,
            "created_at": now,
        }
        for task in tasks
    ]
    insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
    statement = insert(TASKS)
    by_name = ["kind", "name"]
    if again:
        anew = {n: statement.excluded[n] for n in ("payload", "state", "attempts", "due_at")}
        statement = statement.on_conflict_do_update(
            index_elements=by_name, set_={**anew, "ended_at": None}
        )
    else:
        statement = statement.on_conflict_do_nothing(index_elements=by_name)
    with engine.begin() as connection:
        added = (connection.execute(statement.values(row).returning(TASKS.c.id)) for row in rows)
        return sum(len(result.all()) for result in added)


def claim(
    engine: Engine,
    kinds: Collection[str],
    now: datetime,
    resting: Collection[int] = (),
    lease: timedelta = LEASE,
) -> Claimed | None:
    """The task that has been due for longest, now ours; None where none is due.

    Args: kinds: which the caller can do; resting: sources whose tasks have to wait.
    """
    due = _due(kinds, now, resting).limit(1)
    with reading(engine).connect() as connection:  # most of the time there is none: take no lock
        if connection.execute(due).first() is None:
            return None
    chosen = due.with_for_update(skip_locked=True).scalar_subquery()
    take = (
        update(TASKS)
        .where(TASKS.c.id == chosen)
        .values(attempts=TASKS.c.attempts + 1, due_at=now + lease)
        .returning(
            TASKS.c.id,
            TASKS.c.kind,
            TASKS.c.name,
            TASKS.c.source_id,
            TASKS.c.payload,
            TASKS.c.attempts,
            TASKS.c.due_at,
        )
    )
    with engine.begin() as connection:
        row = connection.execute(take).first()
    if row is None:  # another process was faster
        return None
    return Claimed(row[0], row[1], row[2], row[3], orjson.loads(row[4]), row[5], row[6])


def _due(kinds: Collection[str], now: datetime, resting: Collection[int]) -> Select[tuple[int]]:
    found = select(TASKS.c.id).where(
        TASKS.c.state == "waiting", TASKS.c.due_at <= now, TASKS.c.kind.in_(kinds)
    )
    if resting:
        found = found.where(TASKS.c.source_id.not_in(resting))
    return found.order_by(TASKS.c.due_at, TASKS.c.id)


def finish(engine: Engine, task: Claimed, now: datetime) -> bool:
    """Say that the task is done; False if it was no longer ours."""
    return _change(engine, _ours(task).values(state="done", ended_at=now, last_error=None))


def postpone(
    engine: Engine, task: Claimed, now: datetime, error: str, wait: timedelta | None = None
) -> bool:
    """Try again later: after as long as the number of attempts says, and no sooner than `wait`.
    False if it was no longer ours."""
    due = now + max(wait_after(task.attempt), wait or timedelta())
    return _change(engine, _ours(task).values(due_at=due, last_error=_shown(error)))


def give_up(engine: Engine, task: Claimed, now: datetime, error: str) -> bool:
    """Never try again; False if it was no longer ours."""
    values = {"state": "failed", "ended_at": now, "last_error": _shown(error)}
    return _change(engine, _ours(task).values(values))


def wait_after(attempt: int) -> timedelta:
    """How long to wait after so many attempts: twice as long each time, up to half of it by chance,
    so that many tasks which failed together do not come back together."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempt - 1, 20))
    wait: timedelta = longest * (1 - random.random() / 2)
    return wait


def count_tasks(engine: Engine) -> dict[tuple[str, str], int]:
    """How many tasks of each kind are in each state."""
    counted = select(TASKS.c.kind, TASKS.c.state, func.count()).group_by(
        TASKS.c.kind, TASKS.c.state
    )
    with reading(engine).connect() as connection:
        return {(kind, state): count for kind, state, count in connection.execute(counted)}


def forget_done(engine: Engine, before: datetime) -> int:
    """Delete tasks that were done before then; those that failed stay. Returns how many."""
    old = TASKS.delete().where(TASKS.c.state == "done", TASKS.c.ended_at < before)
    with engine.begin() as connection:
        return connection.execute(old).rowcount


def _shown(error: str) -> str:
    # Neither database takes NUL or half a surrogate, and an error may quote anything.
    return error[:MAX_ERROR].replace("\0", " ").encode(errors="replace").decode()


def _ours(task: Claimed) -> Update:
    # No two claims have both numbers in common, so that they say whose the task is.
    return update(TASKS).where(
        TASKS.c.id == task.id,
        TASKS.c.state == "waiting",
        TASKS.c.attempts == task.attempt,
        TASKS.c.due_at == task.until,
    )


def _change(engine: Engine, statement: Update) -> bool:
    with engine.begin() as connection:
        return connection.execute(statement).rowcount == 1
