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
CONFOUNDED = (
    "Exposure was not assigned at random. Channels that people seek out when they already mean to "
    "buy, or that are shown to those who do, are overstated; only a lift test tells by how much."
)
MOST_STATES = 400
BASES = 2

INCREMENTAL = ModelDefinition(
    name="incremental",
    title="Incremental",
    kind="hazard",
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
    warnings=(CONFOUNDED,),
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
class Hazard:
    """A fitted model of k states.

    Attributes:
        half_life: days; fill: in (0, 1].
        base: float64[2], conversions a day at risk before and after a first conversion.
        rate: float64[k], conversions a day at a stock of 1, the own visits' too.
        expected, error, upper: float64[k], conversions that each state brought and their standard
            error (nan) or 95 % bound (nan), see Mixture; zero for the own visits too, and the bound
            of a state that nothing is left of.
        own: bool[k], states that belong to the baseline; touched: bool[k], somebody was.
        facts: what the fit rests on.
    """

    half_life: float
    fill: float
    base: Floats
    rate: Floats
    expected: Floats
    error: Floats
    upper: Floats
    own: Bools
    touched: Bools
    facts: Mapping[str, float]
    gap: float


@dataclass(frozen=True, eq=False)
class Chances:
    """What brought each of n conversions with m touches, in whole weights.

    Attributes:
        touch, baseline: int64[m], int64[n] >= 0, the competing causes, the baseline being base rate
            and own visits; of each conversion they make 2**WEIGHT_BITS but for rounding.
        credit: int64[m] >= 0, the touches' alone, however small beside the baseline: of each
            conversion 2**WEIGHT_BITS but for rounding, or all zero.
        Own visits and touches that led to an earlier conversion have zero.
    """

    touch: Ints
    baseline: Ints
    credit: Ints


def chances(
    hazard: Hazard, offsets: Ints, state: Ints, age: Ints, live: Bools, again: Bools
) -> Chances:
    """The competing causes of conversions: each one's part of the rate on the day of it.

    Args:
        offsets: int64[n + 1], where each conversion's touches lie, oldest first.
        state, age: int64[m], age in days before the conversion's day; live: bool[m], not taken by
            an earlier conversion; again: bool[n], there is an earlier one.
    """
    count = len(offsets) - 1
    owner, age = np.repeat(np.arange(count), np.diff(offsets)), np.maximum(age, 0)
    fresh = touch_parts(owner, state, np.zeros(len(age), np.int64), hazard.half_life, hazard.fill)
    fresh = np.where(live, fresh * hazard.rate[state], 0.0)
    mine = (fresh > 0) & ~hazard.own[state]
    # Ages are counted from the youngest, so that what is far back is small and still not nothing.
    youngest = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(youngest, owner[mine], age[mine])
    older = np.where(mine, age - youngest[owner], 0)
    near = np.where(mine, fresh * 0.5 ** (older / hazard.half_life), 0.0)
    rate = fresh * 0.5 ** (age / hazard.half_life)
    whole: Floats = hazard.base[again.astype(np.int64)]
    whole = whole + np.bincount(owner, rate, minlength=count)
    touch = _weights(np.where(mine, rate, 0.0), whole[owner])
    brought = np.bincount(owner, touch, minlength=count).astype(np.int64)
    together: Floats = np.bincount(owner, near, minlength=count).astype(np.float64)
    credit = _weights(near, together[owner])
    return Chances(touch, np.maximum(2**WEIGHT_BITS - brought, 0), credit)


def _weights(part: Floats, whole: Floats) -> Ints:
    share = np.divide(part, whole, out=np.zeros(len(part)), where=part > 0)
    weights: Ints = np.rint(share * 2**WEIGHT_BITS).astype(np.int64)
    return weights


def fit_incremental(
    panel: Panel, own: Bools, half_life: float | None = None, fill: float = 0.5
) -> Hazard:
    """The model fitted to a panel.

    Args:
        own: bool[k], states of visits that nothing led to: they are part of the baseline.
        half_life: days; None: the likeliest of HALF_LIVES.
        fill: share of the room left that a further touch fills, in (0, 1].
    """
    best: tuple[float, float, Stocks, Mixture] | None = None
    for days in (half_life,) if half_life else HALF_LIVES:
        found = stocks(panel, days, fill)
        mixture = fit_mixture(parts_of(panel, found), panel.weight)
        if best is None or mixture.log_likelihood > best[0] + 1e-9:
            best = mixture.log_likelihood, days, found, mixture
    assert best is not None
    return _hazard(panel, own, fill, *best)


def base_days(panel: Panel) -> Floats:
    """float64[2], days at risk before and after a first conversion."""
    at_risk = panel.days_at_risk.astype(np.float64)
    again = panel.returning.astype(np.int64)
    return np.bincount(again, at_risk, minlength=BASES).astype(np.float64)


def parts_of(panel: Panel, found: Stocks) -> sparse.csr_array:
    """float64[e, 2 + k], the value of each component at each event over its sum."""
    events = len(panel.event_spell)
    again = panel.returning[panel.event_spell].astype(np.int64)
    row = np.concatenate((np.arange(events), found.event))
    column = np.concatenate((again, BASES + found.state))
    whole = np.concatenate((base_days(panel), found.exposure))
    whole = np.where(whole > 0, whole, 1.0)
    value = np.concatenate((np.ones(events), found.stock)) / whole[column]
    shape = (events, BASES + panel.state_count)
    return sparse.csr_array((value, (row, column)), shape=shape)


def _hazard(
    panel: Panel,
    own: Bools,
    fill: float,
    log_likelihood: float,
    half_life: float,
    found: Stocks,
    mixture: Mixture,
) -> Hazard:
    days = base_days(panel)
    at_risk = float(days.sum())
    theta, states = mixture.theta[:BASES], mixture.theta[BASES:]
    return Hazard(
        half_life=half_life,
        fill=fill,
        base=theta / np.maximum(days, 1.0),
        rate=states / np.where(found.exposure > 0, found.exposure, 1.0),
        expected=np.where(own, 0.0, states),
        error=mixture.error[BASES:],
        upper=np.where(found.exposure > 0, mixture.upper[BASES:], 0.0),
        own=own,
        touched=np.bincount(panel.state, minlength=panel.state_count) > 0,
        facts={
            "person_days": int(at_risk),
            "people": int(np.count_nonzero(panel.days_at_risk[~panel.returning])),
            "conversions_fitted": int(panel.weight.sum()),
            "half_life_days": half_life,
            "base_rate_per_1000_days": round(1000 * float(theta.sum()) / max(at_risk, 1.0), 6),
            "log_likelihood": round(log_likelihood, 6),
            "steps": mixture.steps,
        },
        gap=mixture.gap,
    )


def settled(half_life: object, fill: object) -> tuple[float | None, float]:
    """A specification's parameters as the fit takes them."""
    days = half_life / timedelta(days=1) if isinstance(half_life, timedelta) else None
    assert isinstance(fill, Decimal)
    return days, float(fill) / 100
