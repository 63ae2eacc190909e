"""Journeys as text: "paid_search@30 email@10 | lead@12" is two touches 30 and 10 days before the
conversion and a lead 12 days before it."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import numpy as np
import pytest

from service.attribution.credit import allocate_journeys
from service.attribution.examples import Example, example_journeys
from service.attribution.journeys import JourneyArrays
from service.attribution.models import parse_model
from service.attribution.spread import to_touches
from service.attribution.stepped import seen_by_step, transformed
from service.attribution.transforms import Channels
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


def credit_of_journeys(
    journeys: JourneyArrays,
    names: Sequence[str],
    model: str,
    values: Sequence[int],
    lookback: timedelta | None = None,
) -> list[int]:
    """The credit of each touch under a rule model, after its transforms; names of the codes."""
    spec = parse_model(model)
    steps = transformed(journeys.channel, journeys.offsets, Channels(journeys.channel, names), spec)
    seen = seen_by_step(journeys, steps)
    weights = weigh(seen, spec, lookback)
    parts = allocate_journeys(np.array(values, dtype=np.int64), weights, seen.offsets)
    whole: list[int] = to_touches(parts, steps).tolist()
    return whole


@pytest.fixture(scope="session")
def journeys() -> Callable[..., JourneyArrays]:
    """journeys(text, …) -> JourneyArrays."""
    return _journeys


@pytest.fixture(scope="session")
def credit() -> Callable[..., list[int]]:
    """credit(model, text, value in minor units, lookback) -> credit of each touch, after the
    model's path transforms."""

    def credit_of(
        model: str, text: str, value: int = 10_000, lookback: timedelta | None = None
    ) -> list[int]:
        arrays = _journeys(text)
        names = sorted({channel for channel, _ in _pairs(text.partition("|")[0])})
        return credit_of_journeys(arrays, names, model, [value], lookback)

    return credit_of
