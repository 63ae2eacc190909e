"""The whole of a question, kept from one of its conversions to the next.

Models of all journeys explain a conversion out of all of them. Who opens one deal opens the next: the
conversions loaded last stay loaded, and with them what was made of them (`once`).
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

import duckdb

from service.reports.campaigns import prepared_rules
from service.reports.load import Loaded, load
from service.reports.question import Question

LoadWhole = Callable[[duckdb.DuckDBPyConnection, Question, Sequence[str]], Loaded]


class Wholes:
    """`load` of all conversions of a question, from memory where it was the last one asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[Hashable, Loaded] | None = None

    def load(
        self, mart: duckdb.DuckDBPyConnection, question: Question, stages: Sequence[str]
    ) -> Loaded:
        """As `load.load`. Needs the table `factors`."""
        state = mart.execute("SELECT watermark, configuration FROM state").fetchall()[0]
        asked = replace(question, models=(), filters=(), group_by=())
        key = (asked, tuple(stages), state, prepared_rules(mart)[0])
        with self._lock:
            kept = self._kept
        if kept is None or kept[0] != key:
            kept = key, load(mart, question, stages)
            with self._lock:
                self._kept = kept
        return kept[1]

    def forget(self) -> None:
        with self._lock:
            self._kept = None
