"""How long conversions of a stage take after the touches that earned them, by channel."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import duckdb
import numpy as np
from numpy.typing import NDArray

from service.attribution.lag import LagDistribution, lag_distribution
from service.attribution.models import DEFINITIONS, ModelSpec, parse_model
from service.kit.time import MICROSECOND
from service.reports.allocations import allocation_of
from service.reports.credited import MILLION, counts
from service.reports.load import FOREVER, load, lookback_micros
from service.reports.question import Question

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
HISTORY = timedelta(days=365) // MICROSECOND
"""Touches older than this, and than twice the lookback, tell nothing of today."""
SAMPLE = 20_000
"""Conversions looked at; of more, those whose id has the smallest MD5: at random, and always the same."""
OLD_ENOUGH = 10
"""Conversions' worth of touches that must be old enough to tell of a lag."""
FEWEST = 10
"""With fewer conversions than this nothing is said."""
FEWEST_OF_CHANNEL = 50
"""A channel with fewer conversions than this takes the lags of all channels together."""
KEPT = 128
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
        self._known: OrderedDict[tuple[object, ...], Lags] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, mart: duckdb.DuckDBPyConnection, question: Question, stage: str) -> Lags:
        """The lags of the stage under the question's first model, lookback and scope."""
        state = mart.execute("SELECT watermark, configuration FROM state").fetchall()[0]
        model = lag_model(question.models[0])
        key = (*state, question.with_bots, stage, model, question.lookback, question.scope)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        found = lags_of(mart, question, stage, model)
        with self._lock:
            self._known[key] = found
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return found


def lag_model(model: ModelSpec) -> ModelSpec:
    """A rule model weighs lags by its own credit. A model fitted on all journeys shares by channel
    and not by moment, and would have to be fitted once more: for it all touches count alike."""
    return model if DEFINITIONS[model.name].kind == "rule" else parse_model("linear")


def lags_of(
    mart: duckdb.DuckDBPyConnection, question: Question, stage: str, model: ModelSpec
) -> Lags:
    """The lags of a stage from all that the mart knows: the question's period, filters and rows have
    no part in it. Needs the table `factors`.

    Args: model: a rule model.
    """
    now = newest_moment(mart)
    since = -FOREVER
    if question.lookback is not None:
        since = now - max(HISTORY, 2 * lookback_micros(question))
    counted = "won" if stage == "repeat" else stage
    loaded = load(mart, question, [counted], _sample(mart, counted, since), stage == "repeat")
    amounts = counts(loaded)
    if stage == "repeat":
        amounts = np.where(loaded.conversions["ordinal"] > 1, amounts, 0)
    credit = allocation_of(mart, loaded, question, model).credit_of(amounts)
    journeys = loaded.journeys
    told = (credit > 0) & (journeys.touched_at >= since)
    touched, credit = journeys.touched_at[told], credit[told]
    lags, ages = journeys.converted_at[journeys.journey[told]] - touched, now - touched
    names = channel_names(mart)[loaded.dimension_id[told]]
    weights = {name: int(credit[names == name].sum()) for name in sorted(set(names.tolist()))}
    pooled = None
    if sum(weights.values()) >= FEWEST * MILLION:
        pooled = lag_distribution(lags, ages, credit, OLD_ENOUGH * MILLION)
    own: dict[str, LagDistribution] = {}
    for name, weight in weights.items():
        if pooled is None or weight < FEWEST_OF_CHANNEL * MILLION:
            continue
        its = names == name
        found = lag_distribution(lags[its], ages[its], credit[its], OLD_ENOUGH * MILLION)
        # A channel that is younger than the longest lag cannot know its own.
        if found is not None and found.horizon >= int(pooled.lags[-1]):
            own[name] = found
    return Lags(stage, now, pooled, own, weights, model)


def _sample(mart: duckdb.DuckDBPyConnection, stage: str, since: int) -> list[int]:
    """The conversions to look at, by conversion_key."""
    found = mart.execute(
        "SELECT conversion_key FROM conversions WHERE stage = $stage AND occurred_at >= $since "
        "ORDER BY MD5(conversion_id), conversion_id LIMIT $most",
        {"stage": stage, "since": since, "most": SAMPLE},
    ).fetchnumpy()["conversion_key"]
    keys: list[int] = found.tolist()
    return keys


def newest_moment(mart: duckdb.DuckDBPyConnection) -> int:
    """The newest moment at which anything happened that the mart knows; 0 where nothing did."""
    found: int = mart.execute(
        "SELECT COALESCE(GREATEST((SELECT MAX(occurred_at) FROM touchpoints), "
        "(SELECT MAX(occurred_at) FROM conversions)), 0)"
    ).fetchall()[0][0]
    return found


def channel_names(mart: duckdb.DuckDBPyConnection) -> NDArray[np.object_]:
    """The channel of each dimension_id; empty for one that the mart does not know."""
    rows = mart.execute("SELECT dimension_id, channel FROM dimensions").fetchall()
    names = np.full(max((row[0] for row in rows), default=0) + 1, "", dtype=object)
    for dimension_id, channel in rows:
        names[dimension_id] = channel or ""
    return names
