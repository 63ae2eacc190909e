"""Which configuration and which rules of campaigns hold: now, as of an earlier moment, or drafted."""

import time
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from service.attribution.models import parse_model
from service.ledger.configuration import read_setting, read_setting_as_of
from service.ledger.read import next_received
from service.reports import campaigns
from service.reports.configuration import (
    DRAFT,
    PRESET,
    SETTING,
    Edition,
    edition_of,
    parse_configuration,
)

Versioned = tuple[int, Any]
"""Version and value of a setting; (0, None) where there is none."""
SECONDS = 2.0
"""How long the published version is remembered; one published by another process holds here then."""


def usual_question(edition: Edition) -> dict[str, Any]:
    """What is asked where a query says nothing, and the presets that it may name, each with its
    model in full."""
    configuration = edition.configuration
    return {
        **edition.name,
        "default_model": configuration.default_model,
        "lookback": configuration.lookback,
        "model_presets": [
            {"name": PRESET + name, "means": parse_model(text).to_dict()}
            for name, text in sorted(configuration.model_presets.items())
        ],
    }


class Editions:
    """The configuration's versions in one ledger. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: tuple[float, Edition] | None = None
        self._rules: tuple[float, Versioned] | None = None

    def current(self) -> Edition:
        now, known = time.monotonic(), self._known
        if known is None or now - known[0] > SECONDS:
            known = (now, edition_of(read_setting(self._engine, SETTING)))
            self._known = known
        return known[1]

    def as_of(self, moment: int | datetime | None) -> Edition:
        """The one that held at a moment; at a watermark: when the ledger last ended there."""
        then = self.settled_at(moment)
        if then is None:
            return self.current()
        return edition_of(read_setting_as_of(self._engine, SETTING, then))

    def campaign_rules(self, moment: int | datetime | None = None) -> Versioned:
        """The rules of campaigns that held at a moment, as `as_of` takes it; by default the present
        ones."""
        then = self.settled_at(moment)
        if then is not None:
            return read_setting_as_of(self._engine, campaigns.SETTING, then)
        now, known = time.monotonic(), self._rules
        if known is None or now - known[0] > SECONDS:
            known = (now, read_setting(self._engine, campaigns.SETTING))
            self._rules = known
        return known[1]

    def settled_at(self, moment: int | datetime | None) -> datetime | None:
        """The moment whose settings are meant; None: the present."""
        return next_received(self._engine, moment) if isinstance(moment, int) else moment

    def draft(self) -> Edition | None:
        """What is drafted, whatever it was made from; None without a draft."""
        value: dict[str, Any] | None = read_setting(self._engine, DRAFT)[1]
        if value is None:
            return None
        return Edition(value["based_on"], parse_configuration(value["configuration"]), draft=True)

    def forget(self) -> None:
        """Look again at the next question."""
        self._known = self._rules = None
