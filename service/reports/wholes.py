"""The whole of a question, kept from one of its conversions to the next.

Models of all journeys explain a conversion out of all of them. Who opens one deal opens the next: the
conversions loaded last stay loaded, and with them what was made of them (`once`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import duckdb

from service.kit.memory import Memory
from service.reports.campaigns import prepared_rules
from service.reports.load import Loaded, load
from service.reports.question import Question

LoadWhole = Callable[[duckdb.DuckDBPyConnection, Question, Sequence[str]], Loaded]


class Wholes:
    """`load` of all conversions of a question, from memory where it was the last one asked for."""

    def __init__(self) -> None:
        self._kept: Memory[Loaded] = Memory(1)

    def load(
        self, mart: duckdb.DuckDBPyConnection, question: Question, stages: Sequence[str]
    ) -> Loaded:
        """As `load.load`. Needs the table `factors`."""
        state = mart.execute("SELECT watermark, configuration FROM state").fetchall()[0]
        asked = replace(question, models=(), filters=(), group_by=())
        key = (asked, tuple(stages), state, prepared_rules(mart)[0])
        return self._kept.get_or_make(key, lambda: load(mart, question, stages))

    def forget(self) -> None:
        self._kept.forget()
