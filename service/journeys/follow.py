"""Keeps the mart up with the ledger while the service runs."""

import threading
import time

from service.journeys.mart import Mart
from service.kit.log import log

# Other processes may write to the ledger too; without a hint we look this often.
LOOK_EVERY_SECONDS = 1.0
# Rest between refreshes, as a multiple of what the last one took, and at most: facts are promised
# to show up within two seconds, also after the long refresh of a mart that had to catch up.
REST = 8.0
LONGEST_REST_SECONDS = 1.3
WAIT_AFTER_FAILURE_SECONDS = 5.0


def rest_after(refresh_seconds: float, interval_seconds: float) -> float:
    """Seconds to rest after a refresh that took so long.

    What arrives meanwhile is taken in together; a refresh has its fixed cost, of which the intake
    shall feel little. Whoever cannot wait refreshes himself.
    """
    return max(interval_seconds, min(REST * refresh_seconds, LONGEST_REST_SECONDS))


class Follower:
    """A thread that refreshes the mart soon after facts arrive."""

    def __init__(self, mart: Mart, interval_seconds: float) -> None:
        self._mart = mart
        self._interval = interval_seconds
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mart-follower", daemon=True)
        self.last_error: str | None = None
        self.last_seconds = 0.0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join()

    def hint(self) -> None:
        """Say that there may be new facts."""
        self._news.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._news.wait(LOOK_EVERY_SECONDS)
            self._news.clear()
            if self._stopping.is_set():
                return
            self._refresh()
            self._stopping.wait(rest_after(self.last_seconds, self._interval))

    def _refresh(self) -> None:
        started = time.perf_counter()
        try:
            self._mart.refresh()
            self.last_error = None
        except Exception as error:
            # The mart is derived: a failed refresh loses nothing, and must not end the following.
            self.last_error = f"{type(error).__name__}: {error}"
            log.error("mart_refresh_failed", error=self.last_error)
            self._stopping.wait(WAIT_AFTER_FAILURE_SECONDS)
        self.last_seconds = time.perf_counter() - started
