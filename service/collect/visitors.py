"""Visitors of pages without cookies: the same agent at the same address is one visitor for a day.

The id is a keyed hash under a random salt that is thrown away after its day, so that nobody, not
even with the ledger and the secret at hand, can say later whose visit it was.
"""

import secrets
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from hashlib import blake2b


class Visitors:
    """Makes the ids. Thread-safe.

    `salt_of` gives the salt of a day, the same in every process (see `ledger.salts`).
    """

    def __init__(self, salt_of: Callable[[date], bytes]) -> None:
        self._salt_of = salt_of
        self._today: tuple[date, bytes] | None = None
        self._lock = threading.Lock()

    def visitor(self, now: datetime, site: str, user_agent: str, address: str) -> str:
        """24 hexadecimal digits for the site, agent and address on the day (UTC) of `now`."""
        digest = blake2b(key=self._salt(now.astimezone(UTC).date()), digest_size=12)
        for part in (site.lower(), user_agent, address):
            digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
        return digest.hexdigest()

    def _salt(self, day: date) -> bytes:
        with self._lock:
            if self._today is None or self._today[0] != day:
                self._today = (day, self._salt_of(day))
            return self._today[1]


def random_salts() -> Callable[[date], bytes]:
    """Salts of this process alone."""
    salts: dict[date, bytes] = {}
    return lambda day: salts.setdefault(day, secrets.token_bytes(32))
