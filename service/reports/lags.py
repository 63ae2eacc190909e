"""How long conversions of a stage take after the touches that earned them, by channel."""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
from numpy.typing import NDArray

from service.attribution.lag import LagDistribution, lag_distribution
from service.attribution.models import DEFINITIONS, ModelSpec, parse_model
from service.kit.memory import Memory
from service.reports.credited import MILLION, Allocation, counts, exact_sums
from service.reports.lag_sample import LagSample, span_of, take_sample
from service.reports.question import Question

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
OLD_ENOUGH = 10
"""Conversions' worth of touches that must be old enough to tell of a lag."""
FEWEST = 10
"""With fewer conversions than this nothing is said."""
FEWEST_OF_CHANNEL = 50
"""A channel with fewer conversions than this takes the lags of all channels together."""
KEPT = 128
SAMPLES = 12
DEFAULT_THRESHOLD = 0.7


@dataclass(frozen=True, eq=False)
class Lags:
    """The lags of one stage under one model.

    Attributes:
        now: microseconds; the newest moment the mart knows, from which ages are counted.
        pooled: of all channels; None with fewer than FEWEST conversions.
        by_channel: of each channel that has enough of its own; the others are `pooled`.
        weights: millionths of conversions that each channel has earned.
        weighted_by: the model whose credit weighs the touches.
    """

    stage: str
    now: int
    pooled: LagDistribution | None
    by_channel: Mapping[str, LagDistribution]
    weights: Mapping[str, int]
    weighted_by: ModelSpec

    def of(self, channel: str) -> LagDistribution | None:
        return self.by_channel.get(channel, self.pooled)

    def shares(self, channel: NDArray[np.object_], moment: Ints) -> Floats:
        """The share of what a touch of each channel and moment brings that has had time to come, to
        millionths; NaN where nothing is known."""
        found = np.full(len(moment), np.nan)
        ages = self.now - moment
        for name in set(channel.tolist()):
            if (distribution := self.of(name)) is not None:
                its = channel == name
                found[its] = np.rint(distribution.share_by(ages[its]) * MILLION) / MILLION
        return found


class LagBook:
    """Remembers the lags of each state of a mart, for the many questions that need the same.

    Thread-safe. `threshold`: the maturity below which it is too early to judge.
    """

    def __init__(self, threshold: float = DEFAULT_THRESHOLD) -> None:
        self.threshold = threshold
        self._known: Memory[Lags] = Memory(KEPT)
        self._samples: Memory[LagSample] = Memory(SAMPLES)

    def of(self, mart: duckdb.DuckDBPyConnection, question: Question, stage: str) -> Lags:
        """The lags of the stage under the question's first model, lookback and scope. Needs the
        table `factors`."""
        state = mart.execute("SELECT watermark, configuration FROM state").fetchall()[0]
        model = lag_model(question.models[0])
        read = (*state, question.with_bots, stage, question.scope, span_of(question))

        def find() -> Lags:
            sample = self._samples.get_or_make(read, lambda: take_sample(mart, question, stage))
            return lags_of(sample, question, stage, model)

        return self._known.get_or_make((*read, question.lookback, model), find)


def lag_model(model: ModelSpec) -> ModelSpec:
    """A rule model weighs lags by its own credit. A model fitted on all journeys shares by channel
    and not by moment, and would have to be fitted once more: for it all touches count alike."""
    return model if DEFINITIONS[model.name].kind == "rule" else parse_model("linear")


def lags_of(sample: LagSample, question: Question, stage: str, model: ModelSpec) -> Lags:
    """The lags of a stage: the question's period, filters and rows have no part in it.

    Args: model: a rule model.
    """
    loaded = sample.within(question)
    amounts = counts(loaded)
    if stage == "repeat":
        amounts = np.where(loaded.conversions["ordinal"] > 1, amounts, 0)
    credit = Allocation(loaded, question, model).credit_of(amounts)
    journeys = loaded.journeys
    told = (credit > 0) & (journeys.touched_at >= sample.since)
    touched, credit = journeys.touched_at[told], credit[told]
    lags, ages = journeys.converted_at[journeys.journey[told]] - touched, sample.now - touched
    which = journeys.channel[told].astype(np.int64)
    sums = exact_sums(which, credit, len(loaded.channel_names)).tolist()
    weights = {
        name: weight for name, weight in zip(loaded.channel_names, sums, strict=True) if weight
    }
    pooled = None
    if sum(weights.values()) >= FEWEST * MILLION:
        pooled = lag_distribution(lags, ages, credit, OLD_ENOUGH * MILLION)
    own: dict[str, LagDistribution] = {}
    for place, (name, weight) in enumerate(zip(loaded.channel_names, sums, strict=True)):
        if pooled is None or weight < FEWEST_OF_CHANNEL * MILLION:
            continue
        its = which == place
        found = lag_distribution(lags[its], ages[its], credit[its], OLD_ENOUGH * MILLION)
        # A channel that is younger than the longest lag cannot know its own.
        if found is not None and found.horizon >= int(pooled.lags[-1]):
            own[name] = found
    return Lags(stage, sample.now, pooled, own, weights, model)
