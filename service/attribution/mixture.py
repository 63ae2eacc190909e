"""Rates that add up: the maximum-likelihood weights of components whose sum is an event's rate.

With x_ek >= 0 the value of component k at event e, X_k its sum over all days at risk and w_e the
conversions of the event, the log-likelihood of a Poisson process with rate sum_k b_k x_ek is, in
theta_k = b_k X_k (the conversions expected of component k) and p_ek = x_ek / X_k,

    l(theta) = sum_e w_e log(sum_k theta_k p_ek) - sum_k theta_k,   theta >= 0:

days without a conversion enter only through X. It is concave, and at its maximum the expected
conversions add up to those that happened, for each component (sum_e w_e theta_k p_ek / lambda_e =
theta_k) and so in all.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from service.attribution.panel import Floats

MOST_STEPS = 500
_GOOD = 1e-9
_CHI_SQUARE_95 = 3.841458820694124


@dataclass(frozen=True, eq=False)
class Mixture:
    """`theta` float64[c]; `error` float64[c], standard errors from the observed information, nan
    where theta is 0; `upper` float64[c], the 95 % bound by likelihood ratio where theta is 0;
    `rate` float64[e], sum_k theta_k p_ek; `gap`: how far the optimum's conditions are missed,
    relative to the number of conversions."""

    theta: Floats
    error: Floats
    upper: Floats
    rate: Floats
    log_likelihood: float
    steps: int
    gap: float


def fit_mixture(parts: sparse.csr_array, weight: Floats) -> Mixture:
    """The maximum: an EM step, which always climbs, and a projected Newton step, which is quick,
    in turn (compare Kim, Carbonetto, Stephens, Anitescu 2020, mix-SQP).

    Args:
        parts: float64[e, c], p_ek; every row has an entry above zero.
        weight: float64[e] above zero.
    """
    count, total = parts.shape[1], float(weight.sum())
    theta = np.full(count, total / max(count, 1))
    gap, step = np.inf, 0
    turned = parts.T.tocsr()
    while step < MOST_STEPS:
        step += 1
        theta = theta * (turned @ (weight / (parts @ theta)))
        rate = parts @ theta
        gradient = 1.0 - turned @ (weight / rate)
        gap = _gap(theta, gradient, total)
        if gap < _GOOD:
            break
        theta = _newton(parts, turned, weight, theta, rate, gradient)
    # The last of the steps is one of EM, after which the parts add up to the whole exactly.
    theta = np.where(theta < _GOOD, 0.0, theta)
    theta = theta * (turned @ (weight / (parts @ theta)))
    rate = parts @ theta
    error, upper = _spread(parts, turned, weight, theta, rate)
    likelihood = float(weight @ np.log(rate)) - float(theta.sum())
    return Mixture(theta, error, upper, rate, likelihood, step, float(gap))


def _gap(theta: Floats, gradient: Floats, total: float) -> float:
    """How far the conditions of the optimum are missed: theta_k g_k = 0 and g_k >= 0."""
    slack = np.abs(theta * gradient).max(initial=0.0) / max(total, 1.0)
    return float(max(slack, -gradient.min(initial=0.0) * 1e-2))


def _information(parts: sparse.csr_array, turned: sparse.csr_array, scale: Floats) -> Floats:
    """float64[c, c], sum_e scale_e p_e p_e'."""
    dense: Floats = (turned @ sparse.diags_array(scale) @ parts).toarray()
    return dense


def _newton(
    parts: sparse.csr_array,
    turned: sparse.csr_array,
    weight: Floats,
    theta: Floats,
    rate: Floats,
    gradient: Floats,
) -> Floats:
    """A Newton step among the components that are above zero or want to be, shortened until it
    climbs; theta itself where no length of it does."""
    total = float(weight.sum())
    free = np.flatnonzero((theta > _GOOD * total) | (gradient < 0))
    hessian = _information(parts, turned, weight / rate**2)[np.ix_(free, free)]
    hessian[np.diag_indices(len(free))] += 1e-10 * np.trace(hessian) / len(free) + 1e-300
    direction = np.zeros(len(theta))
    direction[free] = -np.linalg.solve(hessian, gradient[free])
    now = theta.sum() - weight @ np.log(rate)
    length = 1.0
    while length > 1e-6:
        moved = np.maximum(theta + length * direction, 0.0)
        reached = parts @ moved
        if reached.min() > 0 and moved.sum() - weight @ np.log(reached) < now:
            return np.where(moved == 0, theta * 1e-6, moved)
        length /= 2
    return theta


def _spread(
    parts: sparse.csr_array, turned: sparse.csr_array, weight: Floats, theta: Floats, rate: Floats
) -> tuple[Floats, Floats]:
    """Standard errors, and bounds of what is at zero: g u + h u^2 / 2 = half of chi-square."""
    error, upper = np.full(len(theta), np.nan), np.full(len(theta), np.nan)
    information = _information(parts, turned, weight / rate**2)
    free = np.flatnonzero(theta > 0)
    inverse = np.linalg.pinv(information[np.ix_(free, free)], hermitian=True)
    error[free] = np.sqrt(np.maximum(np.diag(inverse), 0.0))
    zero = np.flatnonzero(theta == 0)
    slope = np.maximum(1.0 - (turned @ (weight / rate))[zero], 0.0)
    # The root in the form that stays right without a bend: no event has any of the component.
    root = np.sqrt(slope**2 + _CHI_SQUARE_95 * np.diag(information)[zero])
    upper[zero] = _CHI_SQUARE_95 / (slope + root)
    return error, upper
