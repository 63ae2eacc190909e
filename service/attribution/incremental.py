"""`incremental`: how many conversions would not have happened with a channel switched off.

A discrete-time hazard on a panel of people and days. The conversions of a day at risk are Poisson
with a rate that adds up (so a conversion happens with probability 1 - exp(-rate), the complementary
log-log form):

    rate = base (nobody's doing; another one after a first conversion)
         + b_own x S_own        (visits that nothing led to: recency of the person's own interest)
         + sum_c b_c x S_c      (saturating adstock of every channel, stock.py),    b >= 0

Rates that add up are competing causes: given a conversion, component k caused it with probability
b_k S_k / rate, and switching channel c off, the others as they are, takes away exactly its part.
After Zhang, Wei, Ren 2014 (Multi-touch attribution in online advertising with survival theory, ICDM)
and Xu, Duan, Whinston 2014 (Path to purchase), with saturation and a base rate of days instead of a
parametric one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cached_property

import numpy as np
from scipy import sparse

from service.attribution.definitions import ModelDefinition
from service.attribution.journeys import Bools, Ints
from service.attribution.mixture import Mixture, fit_mixture
from service.attribution.panel import Floats, Panel
from service.attribution.parameters import Parameter
from service.attribution.stock import Stocks, stocks, touch_parts

HALF_LIVES = (1, 2, 4, 7, 14, 30)
"""Days; without a `half_life` the likeliest of these is taken, the shorter one where two tie."""

WEIGHT_BITS = 30
MOST_STATES = 400
_BASES = 2

INCREMENTAL = ModelDefinition(
    name="incremental",
    title="Incremental",
    kind="population",
    formula="b_c S_c / (base + b_own S_own + sum_k b_k S_k) on the day of the conversion",
    description="How many conversions would not have happened with a channel switched off: a hazard "
    "model of people and days with a base rate, fitted on everybody who was touched, also those who "
    "did not convert.",
    edge_cases=(
        "What no channel explains is the baseline, a row of its own; direct visits belong to it.",
        "A conversion of somebody never touched before it is baseline and not part of the fit.",
        "Several conversions of one person on one day are one event.",
        "A touch leads to the first conversion after it and to no later one.",
    ),
    source="Zhang, Wei, Ren 2014, Multi-touch attribution in online advertising with survival theory",
    parameters=(
        Parameter(
            "half_life", "duration", None, "days until half of a touch's effect is gone; none: the "
            "likeliest of 1, 2, 4, 7, 14 and 30 days", optional=True,
        ),
        Parameter(
            "fill", "share", Decimal(50), "per cent of the room left that a further touch fills"
        ),
    ),
    check=lambda values: (
        None if 0 < values["fill"] <= 100 else "fill is above 0 and at most 100"  # type: ignore[operator]
    ),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Incremental:
    """A fitted model of k states, e events.

    Attributes:
        half_life: days; fill: in (0, 1].
        expected, error, upper: float64[k], conversions that each state brought and their standard
            error (nan) or 95 % bound (nan), see Mixture; zero for the own visits too.
        event, state, probability: per event and state that had touched its unit, the probability
            that it brought the conversion, in order of event; with `baseline` they make 1.
        baseline: float64[e], base rate and own visits together.
        own: bool[k], states that belong to the baseline.
    """

    panel: Panel
    half_life: float
    fill: float
    expected: Floats
    error: Floats
    upper: Floats
    event: Ints
    state: Ints
    probability: Floats
    baseline: Floats
    own: Bools
    log_likelihood: float
    steps: int
    gap: float

    @property
    def facts(self) -> Mapping[str, float]:
        """What the fit rests on."""
        days = int(self.panel.days_at_risk.sum())
        events = float(self.panel.weight.sum())
        return {
            "person_days": days,
            "people": int(np.count_nonzero(self.panel.days_at_risk[~self.panel.returning])),
            "conversions_fitted": int(events),
            "half_life_days": self.half_life,
            "base_rate_per_1000_days": round(
                1000 * float(self.panel.weight @ self.baseline) / days, 6
            )
            if days
            else 0.0,
            "log_likelihood": round(self.log_likelihood, 6),
            "steps": self.steps,
        }

    @cached_property
    def touched(self) -> Bools:
        """bool[k], states that somebody in the panel was touched by."""
        return np.bincount(self.panel.state, minlength=self.panel.state_count) > 0

    @cached_property
    def offsets(self) -> Ints:
        """int64[e + 1], where each event's states lie."""
        return np.searchsorted(self.event, np.arange(len(self.baseline) + 1)).astype(np.int64)

    def shares(self) -> tuple[Ints, Ints, Ints]:
        """Whole weights of every given conversion, the baseline's first, for `allocate_journeys`:
        offsets int64[n + 1], state int64 (-1: the baseline), weight int64. A conversion outside
        the panel is baseline."""
        event = self.panel.event_of
        sizes = np.where(event >= 0, np.diff(np.append(self.offsets, self.offsets[-1]))[event], 0)
        offsets = np.zeros(len(event) + 1, np.int64)
        np.cumsum(sizes + 1, out=offsets[1:])
        state = np.full(offsets[-1], -1, np.int64)
        chance = np.ones(offsets[-1])
        inside = np.flatnonzero(event >= 0)
        chance[offsets[inside]] = self.baseline[event[inside]]
        owner = np.repeat(np.arange(len(event)), sizes)
        within = np.arange(len(owner)) - (offsets[:-1] - np.arange(len(event)))[owner]
        source = self.offsets[event[owner]] + within
        target = offsets[owner] + 1 + within
        state[target], chance[target] = self.state[source], self.probability[source]
        return offsets, state, np.rint(chance * 2**WEIGHT_BITS).astype(np.int64)

    def touches(self) -> tuple[Ints, Ints, Floats]:
        """Per touch that lies before an event: which of the given touches, its event, and the
        probability that it brought the conversion."""
        part = touch_parts(self.panel, self.half_life, self.fill)
        kept = np.flatnonzero((self.panel.event_of_touch >= 0) & ~self.own[self.panel.state])
        event, state = self.panel.event_of_touch[kept], self.panel.state[kept]
        k = self.panel.state_count
        place = np.searchsorted(self.event * k + self.state, event * k + state)
        whole = np.bincount(place, part[kept], minlength=len(self.event))
        share = np.divide(part[kept], whole[place], out=np.zeros(len(kept)), where=whole[place] > 0)
        return self.panel.touch[kept], event, share * self.probability[place]


def fit_incremental(
    panel: Panel, own: Bools, half_life: float | None = None, fill: float = 0.5
) -> Incremental:
    """The model fitted to a panel.

    Args:
        own: bool[k], states of visits that nothing led to: they are part of the baseline.
        half_life: days; None: the likeliest of HALF_LIVES.
        fill: share of the room left that a further touch fills, in (0, 1].
    """
    best: tuple[float, float, Stocks, Mixture] | None = None
    for days in (half_life,) if half_life else HALF_LIVES:
        found = stocks(panel, days, fill)
        mixture = fit_mixture(_parts(panel, found), panel.weight)
        if best is None or mixture.log_likelihood > best[0] + 1e-9:
            best = mixture.log_likelihood, days, found, mixture
    assert best is not None
    return _incremental(panel, own, fill, *best)


def _base_days(panel: Panel) -> Floats:
    """float64[2], days at risk before and after a first conversion."""
    at_risk = panel.days_at_risk.astype(np.float64)
    again = panel.returning.astype(np.int64)
    return np.bincount(again, at_risk, minlength=_BASES).astype(np.float64)


def _parts(panel: Panel, found: Stocks) -> sparse.csr_array:
    """float64[e, 2 + k], the value of each component at each event over its sum."""
    events = len(panel.event_spell)
    again = panel.returning[panel.event_spell].astype(np.int64)
    row = np.concatenate((np.arange(events), found.event))
    column = np.concatenate((again, _BASES + found.state))
    whole = np.concatenate((_base_days(panel), found.exposure))
    value = np.concatenate((np.ones(events), found.stock)) / whole[column]
    shape = (events, _BASES + panel.state_count)
    return sparse.csr_array((value, (row, column)), shape=shape)


def _incremental(
    panel: Panel,
    own: Bools,
    fill: float,
    log_likelihood: float,
    half_life: float,
    found: Stocks,
    mixture: Mixture,
) -> Incremental:
    rate_of = mixture.theta[_BASES:] / np.where(found.exposure > 0, found.exposure, 1.0)
    chance = rate_of[found.state] * found.stock / mixture.rate[found.event]
    kept = ~own[found.state]
    event, chance = found.event[kept], chance[kept]
    brought = np.bincount(event, chance, minlength=len(panel.event_spell))
    return Incremental(
        panel=panel,
        half_life=half_life,
        fill=fill,
        expected=np.where(own, 0.0, mixture.theta[_BASES:]),
        error=mixture.error[_BASES:],
        upper=mixture.upper[_BASES:],
        event=event,
        state=found.state[kept],
        probability=chance,
        baseline=np.maximum(1.0 - brought, 0.0),
        own=own,
        log_likelihood=log_likelihood,
        steps=mixture.steps,
        gap=mixture.gap,
    )


def settled(half_life: object, fill: object) -> tuple[float | None, float]:
    """A specification's parameters as the fit takes them."""
    days = half_life / timedelta(days=1) if isinstance(half_life, timedelta) else None
    assert isinstance(fill, Decimal)
    return days, float(fill) / 100
