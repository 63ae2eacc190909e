"""How long conversions take after a touch, told from what has happened so far.

A touch of age a can only have shown lags up to a: the long lags of young touches are still to come,
and a plain histogram of the lags seen is too short. Seen backwards in time this is left truncation,
for which the product-limit estimate is exact: with n(u) the weight of the touches of lag u and R(u)
that of the touches with lag <= u <= age,

    F(t) = product over lags u > t of (1 - n(u) / R(u))

(Lagakos, Barraj and De Gruttola, Biometrika 75, 1988, after Kaplan and Meier, 1958). 1 / (1 - n/R)
are the development factors of the chain ladder by which insurers foresee late claims (Mack, ASTIN
Bulletin 23, 1993). F(t) is the share of lags up to t among those that can be told of at all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from service.attribution.journeys import Ints

Floats = NDArray[np.float64]
LARGEST = 2**53


@dataclass(frozen=True, eq=False)
class LagDistribution:
    """A distribution function of k distinct lags.

    Attributes:
        lags: int64[k], microseconds, rising.
        cumulative: float64[k], F at each lag; not falling, the last one is 1.
        weight: what all touches it rests on weigh, in the unit of the weights given.
        horizon: the longest lag that enough touches are old enough to tell of; longer ones are
            unknown, not absent.
    """

    lags: Ints
    cumulative: Floats
    weight: int
    horizon: int

    def share_by(self, ages: Ints) -> Floats:
        """F at each age: the share of its conversions that a touch so old has had time for."""
        place = np.searchsorted(self.lags, ages, side="right")
        found: Floats = np.append(0.0, self.cumulative)[place]
        return found

    def quantile(self, share: float) -> int:
        """The shortest lag by which this share (0 < share <= 1) of the conversions has come."""
        return int(self.lags[np.searchsorted(self.cumulative, share - 1e-12)])

    def histogram(self, width: int) -> Floats:
        """float64[b], the share of lags in each [i width, (i + 1) width); adds up to 1."""
        bins = int(self.lags[-1]) // width + 1
        steps = np.diff(self.cumulative, prepend=0.0)
        found = np.zeros(bins)
        np.add.at(found, self.lags // width, steps)
        return found


def lag_distribution(lags: Ints, ages: Ints, weights: Ints, enough: int) -> LagDistribution | None:
    """The distribution of lags, corrected for those that have had no time to show.

    The order of the touches changes nothing, to the last bit.

    Args:
        lags: int64[m] >= 0, from the touch to its conversion.
        ages: int64[m], from the touch to now; a touch with a lag beyond its age is left out.
        weights: int64[m] >= 0, such as credit in millionths of a conversion.
        enough: the weight of touches that must be old enough to tell of a lag for it to be believed
            (half of all where there is less than twice as much): the estimate is wild beyond.
    Returns:
        None where no touch weighs anything.
    """
    known = (weights > 0) & (lags >= 0) & (lags <= ages)
    lags, ages, weights = lags[known], ages[known], weights[known]
    if len(lags) == 0:
        return None
    by_age = np.argsort(ages, kind="stable")
    lags, ages, weights = lags[by_age], ages[by_age], weights[by_age]
    horizon = _horizon(ages, weights, enough)
    told = lags <= horizon
    lags, ages, weights = lags[told], ages[told], weights[told]
    if len(lags) == 0:
        return None
    distinct, place = np.unique(lags, return_inverse=True)
    events = np.zeros(len(distinct), np.int64)
    np.add.at(events, place, weights)
    younger = np.append(0, np.cumsum(weights))
    at_risk = np.cumsum(events) - younger[np.searchsorted(ages, distinct, side="left")]
    kept = (at_risk[1:] - events[1:]) / at_risk[1:]
    cumulative = np.append(np.cumprod(kept[::-1])[::-1], 1.0)
    return LagDistribution(distinct, cumulative, int(weights.sum()), horizon)


def _horizon(ages: Ints, weights: Ints, enough: int) -> int:
    """The greatest age, of ages that do not fall, that touches of enough weight have reached."""
    running = np.cumsum(weights[::-1])
    needed = min(enough, (int(running[-1]) + 1) // 2)
    return int(ages[::-1][np.searchsorted(running, needed)])


def eventual_interval(observed: Floats, maturity: Floats, level: float) -> tuple[Floats, Floats]:
    """Bounds of the conversions that will have come in the end.

    Conversions come by a Poisson process of unknown rate (Jeffreys' prior); of what will come, the
    share `maturity` has come, k in number. Then what is still to come is negative binomial with size
    k + 1/2 and probability `maturity` (Gelman et al., Bayesian Data Analysis, 2013, section 2.6). The
    bounds always hold observed / maturity. That the maturity is itself an estimate is not in them.

    Args:
        observed: float64[n] >= 0, may be fractional; maturity: float64[n] in (0, 1]; level: such as
        0.9, half of what is outside on either side.
    """
    expected = observed / maturity
    tail = (1 - level) / 2
    low = observed + _negative_binomial(tail, observed + 0.5, maturity)
    high = observed + _negative_binomial(1 - tail, observed + 0.5, maturity)
    return np.minimum(low, expected), np.maximum(high, expected)


def _negative_binomial(share: float, size: Floats, probability: Floats) -> Floats:
    """The smallest count whose distribution function reaches the share, by halving intervals: the
    function is the regularised incomplete beta I_p(size, count + 1)."""
    low = np.full(len(size), -1.0)
    high = np.ones(len(size))
    while np.any(short := (betainc(size, high + 1, probability) < share) & (high < LARGEST)):
        high = np.where(short, high * 2, high)
    while np.any(high - low > 1):
        middle = np.floor((low + high) / 2)
        reached = betainc(size, middle + 1, probability) >= share
        inside = high - low > 1
        high = np.where(inside & reached, middle, high)
        low = np.where(inside & ~reached, middle, low)
    return high
