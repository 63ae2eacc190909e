"""Which configuration holds: now, as of an earlier moment, or under the draft."""

import time
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from service.ledger.configuration import read_setting, read_setting_as_of
from service.ledger.read import next_received
from service.reports.configuration import DRAFT, SETTING, Edition, edition_of, parse_configuration

SECONDS = 2.0
"""How long the published version is remembered; one published by another process holds here then."""


class Editions:
    """The configuration's versions in one ledger. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: tuple[float, Edition] | None = None

    def current(self) -> Edition:
        now, known = time.monotonic(), self._known
        if known is None or now - known[0] > SECONDS:
            known = (now, edition_of(read_setting(self._engine, SETTING)))
            self._known = known
        return known[1]

    def as_of(self, moment: int | datetime | None) -> Edition:
        """The one that held at a moment; at a watermark: when the ledger last ended there."""
        then = next_received(self._engine, moment) if isinstance(moment, int) else moment
        if then is None:
            return self.current()
        return edition_of(read_setting_as_of(self._engine, SETTING, then))

    def draft(self) -> Edition | None:
        """What is drafted, whatever it was made from; None without a draft."""
        value: dict[str, Any] | None = read_setting(self._engine, DRAFT)[1]
        if value is None:
            return None
        return Edition(value["based_on"], parse_configuration(value["configuration"]), draft=True)

    def forget(self) -> None:
        """Look again at the next question."""
        self._known = None
