"""Pushes what is open to the platforms that take it so, and writes down what they answered.

A request that fails whole is tried row by row, so that one row a platform refuses keeps no other
back. What cannot be taken now stays `sent` and is sent again later: the platform knows its id.
"""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import Engine, Row, update

from service.kit.log import log
from service.outbound.destinations import Destination, list_destinations
from service.outbound.outbox import OUTBOX, open_rows, refresh, statement_of
from service.outbound.platform import Pushed, platforms
from service.reports.desk import ReportDesk

Client = Callable[[], httpx.Client]
MAX_ATTEMPTS = 20
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)


def wait_after(attempts: int) -> timedelta:
    """How long to wait after so many failures: doubled each time, six hours at most."""
    doubled: timedelta = FIRST_WAIT * 2 ** min(attempts - 1, 16)
    return min(doubled, LONGEST_WAIT)


def push(
    engine: Engine, destination: Destination, make_client: Client, now: datetime
) -> dict[str, int]:
    """Send the open rows of one destination that are due; gives rows by what became of them."""
    platform = platforms()[destination.platform]
    if platform.push is None or not destination.is_pushed:
        return {}
    with engine.connect() as connection:
        rows = open_rows(connection, destination.name, {"report"})
    due = [row for row in rows if _is_due(row, now)]
    done: Counter[str] = Counter()
    with make_client() as client:
        for start in range(0, len(due), platform.push_rows):
            some = due[start : start + platform.push_rows]
            _mark(engine, some, {"state": "sent", "sent_at": now})
            done += _send(engine, client, destination, some, now)
    return dict(sorted(done.items()))


def _is_due(row: Row[Any], now: datetime) -> bool:
    return not row.attempts or row.sent_at is None or row.sent_at + wait_after(row.attempts) <= now


def _send(
    engine: Engine,
    client: httpx.Client,
    destination: Destination,
    rows: Sequence[Row[Any]],
    now: datetime,
) -> Counter[str]:
    send = platforms()[destination.platform].push
    assert send is not None
    done: Counter[str] = Counter()
    told = send(client, [statement_of(row) for row in rows], destination)
    if not told.accepted and not told.again and len(rows) > 1:
        for row in rows:
            done += _send(engine, client, destination, [row], now)
        return done
    for row in rows:
        state = _state(told, row.attempts + 1)
        done[state] += 1
        values = {"state": state, "answer": told.answer, "attempts": row.attempts + 1}
        if state != "sent":
            values["answered_at"] = now
        _mark(engine, [row], values)
    if not told.accepted:
        log.warning("push_failed", destination=destination.name, answer=told.answer, rows=len(rows))
    return done


def _state(told: Pushed, attempts: int) -> str:
    if told.accepted:
        return "accepted"
    return "sent" if told.again and attempts < MAX_ATTEMPTS else "rejected"


def _mark(engine: Engine, rows: Sequence[Row[Any]], values: dict[str, Any]) -> None:
    with engine.begin() as connection:
        for row in rows:
            connection.execute(update(OUTBOX).where(OUTBOX.c.id == row.id).values(**values))


class Postman:
    """Refreshes the outbox and pushes, again and again, in a thread of its own."""

    def __init__(
        self,
        engine: Engine,
        desk: ReportDesk,
        currency: str,
        clock: Callable[[], datetime],
        make_client: Client,
        interval: timedelta,
    ) -> None:
        self._engine = engine
        self._desk = desk
        self._currency = currency
        self._clock = clock
        self._make_client = make_client
        self._interval = interval
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="postman", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def round(self) -> None:
        """One round over every destination that is pushed to; one that fails keeps none back."""
        for destination in list_destinations(self._engine):
            if not destination.is_pushed:
                continue
            try:
                now = self._clock()
                refresh(self._engine, self._desk, destination, self._currency, now)
                push(self._engine, destination, self._make_client, now)
            except Exception as error:
                log.error("postman_failed", destination=destination.name, error=str(error))

    def _run(self) -> None:
        while not self._stopped.wait(self._interval.total_seconds()):
            self.round()
