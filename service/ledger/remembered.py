"""What is looked up at every request, remembered for a few seconds."""

import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

# How long what another process changed may still be taken for true here.
FORGET_AFTER_SECONDS: Final = 5.0
MOST: Final = 10_000
"""Names remembered: a guesser must not fill the memory."""

Found = TypeVar("Found")


class Remembered(Generic[Found]):
    """Looks names up, remembering each answer, also that there is none. Thread-safe."""

    def __init__(self, look_up: Callable[[str], Found | None]) -> None:
        self._look_up = look_up
        self._known: dict[str, tuple[float, Found | None]] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Found | None:
        remembered = self._known.get(name)
        now = time.monotonic()
        if remembered is None or now - remembered[0] > FORGET_AFTER_SECONDS:
            remembered = (now, self._look_up(name))
            with self._lock:
                if len(self._known) > MOST:
                    self._known.clear()
                self._known[name] = remembered
        return remembered[1]

    def forget(self) -> None:
        """Look every name up anew, after one changed."""
        with self._lock:
            self._known.clear()
