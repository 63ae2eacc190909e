"""The mart that a question is about: of now, of an earlier moment, with or without robots."""

import threading
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine

from service.journeys.mart import Mart
from service.kit.memory import Memory
from service.ledger.read import last_seq, seq_received_by
from service.ledger.tombstones import last_erasure
from service.reports.question import Question

KEPT = 2
"""Marts of earlier moments that stay: each holds everything once more, in memory."""


class Marts:
    """Makes the marts beside the one of now when they are first asked for. Thread-safe."""

    def __init__(
        self,
        now: Mart,
        engine: Engine,
        make: Callable[[], Mart],
        make_with_bots: Callable[[], Mart] | None = None,
    ) -> None:
        """Args: make: gives an empty mart in memory; make_with_bots: one in which robots count."""
        self.now = now
        self._engine = engine
        self._make, self._make_with_bots = make, make_with_bots or make
        self._with_bots: Mart | None = None
        self._old: Memory[Mart] = Memory(KEPT)
        self._making, self._making_old = threading.Lock(), threading.Lock()

    def of(self, question: Question) -> Mart:
        """The mart that answers the question."""
        if question.as_of is not None:
            return self.as_of(question.as_of, question.with_bots)
        if not question.with_bots:
            return self.now
        with self._making:
            if self._with_bots is None:
                self._with_bots = self._make_with_bots()
            self._with_bots.refresh(up_to=self.now.watermark)
            return self._with_bots

    def as_of(self, moment: int | datetime, with_bots: bool) -> Mart:
        """The mart as it would have been at a watermark or time."""
        watermark = moment if isinstance(moment, int) else seq_received_by(self._engine, moment)
        name = (min(watermark, last_seq(self._engine)), with_bots, last_erasure(self._engine))
        if (known := self._old.get(name)) is not None:
            return known
        with self._making_old:  # one at a time, however many ask
            return self._old.get_or_make(name, lambda: self._make_old(name[0], with_bots))

    def forget(self) -> None:
        """Drop all but the one of now."""
        self._old.forget()
        with self._making:
            self._with_bots = None

    def _make_old(self, watermark: int, with_bots: bool) -> Mart:
        mart = self._make_with_bots() if with_bots else self._make()
        mart.refresh(up_to=watermark)
        return mart
