"""Journeys as text: "paid_search@30 email@10 | lead@12" is two touches 30 and 10 days before the
conversion and a lead 12 days before it."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest

from service.attribution.credit import allocate_journeys
from service.attribution.examples import Example, example_journeys
from service.attribution.journeys import JourneyArrays
from service.attribution.models import parse_model
from service.attribution.weights import weigh


def _pairs(text: str) -> tuple[tuple[str, float], ...]:
    pairs = (item.rpartition("@") for item in text.split())
    return tuple((name, float(days)) for name, _, days in pairs)


def _journeys(*texts: str) -> JourneyArrays:
    examples = []
    for text in texts:
        touches, _, milestones = text.partition("|")
        examples.append(Example("", _pairs(touches), (), "", milestones=_pairs(milestones)))
    return example_journeys(examples)


@pytest.fixture(scope="session")
def journeys() -> Callable[..., JourneyArrays]:
    """journeys(text, …) -> JourneyArrays."""
    return _journeys


@pytest.fixture(scope="session")
def credit() -> Callable[..., list[int]]:
    """credit(model, text, value in minor units, lookback) -> credit of each touch."""

    def credit_of(
        model: str, text: str, value: int = 10_000, lookback: timedelta | None = None
    ) -> list[int]:
        arrays = _journeys(text)
        weights = weigh(arrays, parse_model(model), lookback)
        parts: list[int] = allocate_journeys(np.array([value]), weights, arrays.offsets).tolist()
        return parts

    return credit_of
