"""Requests that were refused as a whole: nothing of them could be read, so nothing is quarantined.

Counted by code in this process, whoever sent them; those of a known source also in the ledger,
where its other counts are. Refusals for want of room or of the ledger are counted here alone: they
are sent again.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from service.api.parts import Parts
from service.kit.errors import ThroughlineError, Unavailable
from service.kit.time import to_micros
from service.ledger.append import Batch, RefusedRequest
from service.ledger.keys import Caller


class RefusedRequests:
    """Counts by code since the process began. Thread-safe; codes are few and fixed."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, code: str) -> None:
        with self._lock:
            self._counts[code] += 1

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(sorted(self._counts.items()))


@contextmanager
def counted_for(parts: Parts, caller: Caller) -> Iterator[None]:
    """Count the error that a request of the caller ends with, for its source."""
    try:
        yield
    except ThroughlineError as error:
        if not isinstance(error, Unavailable) and caller.source_id:
            whole = RefusedRequest(caller.source_id, error.code, to_micros(parts.clock()))
            with suppress(Unavailable):  # the refusal itself matters more than its count
                parts.writer.submit(Batch((), (), whole))
        raise
