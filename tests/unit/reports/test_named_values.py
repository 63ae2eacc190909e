"""Values that stand in a list of an address: filters and the labels of a cell, read back unchanged."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.kit.errors import Refusal
from service.kit.time import Period
from service.reports.cell_parts import Cell
from service.reports.question import Question

NAMES = st.text(st.sampled_from("ab\\,:%"), max_size=6)
ZONE = ZoneInfo("UTC")
MARCH = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC), ZONE)


@given(NAMES, NAMES)
@example("a\\", "b")
@example("a\\\\", "")
@example("a\\,b", ",")
def test_the_labels_of_a_cell(first: str, second: str) -> None:
    cell = Cell("row", (("campaign", first), ("content", second)))
    assert Cell.parse(str(cell)) == cell


@given(st.lists(NAMES, min_size=1, max_size=3))
@example(["a\\", "b"])
def test_the_values_of_a_filter(values: list[str]) -> None:
    question = Question(MARCH, filters=(("campaign", tuple(sorted(values))),))
    read = Question.from_params(question.to_params(), "EUR", ZONE, MARCH.end)
    assert replace(read, models=question.models) == question


@pytest.mark.parametrize("text", ["day:soon", "month:", "week:2026-03-99", "day:20260301"])
def test_a_day_that_there_is_not(text: str) -> None:
    with pytest.raises(Refusal, match="2026-03-01"):
        Cell.parse(text)


def test_a_lone_backslash_is_one() -> None:
    assert Cell.parse("campaign:a\\b").labels == (("campaign", "a\\b"),)
