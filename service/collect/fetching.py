"""Runs the errands of hooks whose senders only name what changed: asks, then stores the answer.

An errand is a task (see `ledger.tasks`): it survives restarts, comes back after a failure, and may
be run by any process. One that failed for good is quarantined with its reason.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
from sqlalchemy import Engine

from service.collect.body import Unreadable, raw_text
from service.collect.hooks import Errand, HookFormat, TryLater, hook_formats, validated
from service.collect.identifiers import IdentifierReader
from service.collect.intake import collect_messages
from service.collect.native import Sender
from service.kit.errors import Refusal, ThroughlineError, Unavailable
from service.kit.log import log
from service.kit.outbound import AddressRefused
from service.ledger import tasks
from service.ledger.hooks import find_hook
from service.ledger.keys import Caller
from service.ledger.tasks import Claimed, NewTask
from service.ledger.writer import Writer

KIND: Final = "fetch"
LOOK_EVERY_SECONDS = 1.0
WAIT_AFTER_FAILURE_SECONDS = 5.0
STOP_SECONDS = 8.0
SWEEP_EVERY: Final = timedelta(hours=1)
REMEMBERED: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Reading:
    """How the answers are read: as of the requests of every other sender."""

    reader: IdentifierReader
    currency: str
    max_event_bytes: int


def keep_errands(
    engine: Engine, hook_id: int, caller: Caller, errands: Sequence[Errand], now: datetime
) -> None:
    """Store errands of a hook; they are not lost once this returns. Raises what the database does."""
    wanted = [
        NewTask(
            KIND, f"{hook_id}:{errand.name}", caller.source_id, {**errand.payload, "hook": hook_id}
        )
        for errand in errands
    ]
    tasks.enqueue(engine, wanted, now, again=True)


class Fetcher:
    """A thread that runs errands, one at a time."""

    def __init__(
        self,
        engine: Engine,
        writer: Writer,
        reading: Reading,
        clock: Callable[[], datetime],
        make_client: Callable[[], httpx.Client],
        stored: Callable[[], None] = lambda: None,
    ) -> None:
        """`stored` is called whenever facts were added."""
        self._engine = engine
        self._writer = writer
        self._reading = reading
        self._clock = clock
        self._make_client = make_client
        self._stored = stored
        self._client: httpx.Client | None = None
        self._resting: dict[int, datetime] = {}
        self._swept: datetime | None = None
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fetcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the errand at hand, if it does not take too long; the others wait for the next
        process. Stop the writer later."""
        self._stopping.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
        if self._client is not None and not self._thread.is_alive():
            self._client.close()

    def hint(self) -> None:
        """Say that there may be new errands."""
        self._news.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._news.clear()
            try:
                found = self.step()
            except Exception as error:
                # Whatever went wrong, the errand is still a task and comes back after its lease.
                log.error("fetch_failed", error=type(error).__name__)
                self._stopping.wait(WAIT_AFTER_FAILURE_SECONDS)
                continue
            if not found:
                self._news.wait(LOOK_EVERY_SECONDS)

    def step(self) -> bool:
        """Run the errand that is due for longest; False where none is."""
        now = self._clock()
        self._resting = {source: end for source, end in self._resting.items() if end > now}
        task = tasks.claim(self._engine, [KIND], now, list(self._resting))
        if task is None:
            self._sweep(now)
            return False
        try:
            self._store(task, self._fetched(task))
            tasks.finish(self._engine, task, self._clock())
        except TryLater as later:
            self._postpone(task, str(later), later.wait)
        except Unavailable as error:
            self._postpone(task, error.detail, None)
        except ThroughlineError as error:
            self._give_up(task, error)
        except Exception as error:
            # An answer that nobody thought of must not come back for ever.
            log.error("fetch_broken", error=type(error).__name__)
            self._postpone(task, type(error).__name__, None)
        return True

    def _fetched(self, task: Claimed) -> tuple[HookFormat, Any, Any]:
        """The hook's format and options, and what was asked for."""
        hook = find_hook(self._engine, task.payload["hook"])
        wire = hook_formats().get(hook["kind"])
        if hook["revoked_at"] is not None or wire is None or wire.fetch is None:
            raise Refusal("fetch_failed", "", "the hook was ended before this could be asked for")
        options = validated(hook["kind"], hook["options"])
        if self._client is None:
            self._client = self._make_client()
        try:
            return wire, options, wire.fetch(task.payload, options, self._client)
        except (AddressRefused, httpx.InvalidURL) as error:
            raise Refusal("fetch_failed", "portal", f"this address is not asked: {error}") from None
        except httpx.HTTPError as error:
            # Not its text: it may quote the address, which holds a secret.
            raise TryLater(type(error).__name__) from None

    def _store(self, task: Claimed, found: tuple[HookFormat, Any, Any]) -> None:
        wire, options, message = found
        sender = self._sender(task, options)
        batch = collect_messages([message], sender, wire, self._reading.max_event_bytes)
        self._writer.submit(batch).result()
        self._stored()

    def _sender(self, task: Claimed, options: Any) -> Sender:
        # What a hook's sender tells is the source's own word (see `HookRing`).
        caller = Caller(0, task.source_id, "", frozenset({"collect", "facts"}))
        return Sender(
            caller,
            self._clock(),
            self._reading.reader,
            options=options,
            currency=self._reading.currency,
        )

    def _postpone(self, task: Claimed, why: str, wait: timedelta | None) -> None:
        now = self._clock()
        if wait is not None:
            self._resting[task.source_id] = now + wait
        if task.is_last:
            self._give_up(task, Refusal("fetch_failed", "", f"given up at last: {why}"))
            return
        log.info("fetch_postponed", attempt=task.attempt, why=why)
        tasks.postpone(self._engine, task, now, why, wait)

    def _give_up(self, task: Claimed, error: ThroughlineError) -> None:
        """Quarantine first: a crash in between makes a second entry rather than none."""
        field = error.field if isinstance(error, Refusal) else ""
        payload = {name: value for name, value in task.payload.items() if name != "hook"}
        kind = find_hook_kind(self._engine, task.payload["hook"])
        shown = Unreadable(
            Refusal("fetch_failed", field, error.detail), raw_text(payload), task.name
        )
        wire = hook_formats().get(kind)
        if wire is not None:
            batch = collect_messages([shown], self._sender(task, None), wire, 0)
            self._writer.submit(batch).result()
        tasks.give_up(self._engine, task, self._clock(), error.detail)

    def _sweep(self, now: datetime) -> None:
        if self._swept is None or now - self._swept >= SWEEP_EVERY:
            self._swept = now
            tasks.forget_done(self._engine, now - REMEMBERED)


def find_hook_kind(engine: Engine, hook_id: int) -> str:
    """The hook's format; empty where there is no such hook."""
    try:
        kind: str = find_hook(engine, hook_id)["kind"]
    except ThroughlineError:
        return ""
    return kind
