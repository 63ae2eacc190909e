"""Group commit: one thread drains a bounded queue, one transaction per drain, answers after it.

The callers of a drain share its one fsync; while it is on its way the next drain gathers.
"""

import threading
from collections import deque
from concurrent.futures import Future

from sqlalchemy import Engine

from service.kit.errors import Overloaded, Unavailable
from service.kit.log import log
from service.ledger.append import Batch, Receipt, append
from service.ledger.counting import HOUR

Waiting = tuple[Batch, "Future[Receipt]"]


class Writer:
    """Owns the write side of one ledger in this process. Thread-safe."""

    def __init__(self, engine: Engine, queue_facts: int, commit_facts: int) -> None:
        self._engine = engine
        self._queue_facts = queue_facts
        self._commit_facts = commit_facts
        self._waiting: deque[Waiting] = deque()
        self._size = 0
        self._stopping = False
        self._pruned_at = 0
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self.watermark = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, then end; later submissions are refused."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def queued(self) -> int:
        """Items that wait for the next drain."""
        return self._size

    def submit(self, batch: Batch) -> "Future[Receipt]":
        """Queue a batch; the future holds its receipt once it is on disk.

        Raises: Overloaded when the queue is full, Unavailable when the writer has stopped.
        """
        size = max(1, len(batch.facts) + len(batch.refused))
        future: Future[Receipt] = Future()
        # A caller that stops waiting must not take the answer's place away from under the writer:
        # setting the result of a cancelled future raises, and would end the thread.
        future.set_running_or_notify_cancel()
        with self._changed:
            if self._stopping:
                raise Unavailable("stopping", "The service is shutting down; send this again.", 5)
            if self._size and self._size + size > self._queue_facts:
                raise Overloaded(
                    "overloaded", "More arrives than the disk can take; send this again shortly."
                )
            self._waiting.append((batch, future))
            self._size += size
            self._changed.notify()
        return future

    def _run(self) -> None:
        while drain := self._next_drain():
            self._write(drain)

    def _next_drain(self) -> list[Waiting]:
        """The batches of the next transaction; empty when stopped and nothing waits."""
        with self._changed:
            while not self._waiting and not self._stopping:
                self._changed.wait()
            drain: list[Waiting] = []
            facts = 0
            while self._waiting and (not drain or facts < self._commit_facts):
                batch, future = self._waiting.popleft()
                size = max(1, len(batch.facts) + len(batch.refused))
                facts += size
                self._size -= size
                drain.append((batch, future))
            return drain

    def _write(self, drain: list[Waiting]) -> None:
        now = max(batch.received_at for batch, _ in drain)
        prune_at = now if now - self._pruned_at >= HOUR else None
        try:
            receipts = append(self._engine, [batch for batch, _ in drain], prune_at)
        except Exception as error:
            # Whatever the database says, the senders must hear that nothing was stored.
            log.error("append_failed", error=str(error), batches=len(drain))
            for _, future in drain:
                future.set_exception(
                    Unavailable(
                        "ledger_unavailable", "The ledger cannot be written; send again.", 2
                    )
                )
            return
        self._pruned_at = self._pruned_at if prune_at is None else prune_at
        self.watermark = max(self.watermark, receipts[-1].watermark)
        for (_, future), receipt in zip(drain, receipts, strict=True):
            future.set_result(receipt)
