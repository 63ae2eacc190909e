"""What a lift test says of a model: a factor on the model's incremental figure, by shrinkage.

On the log scale, with the prior log k ~ N(0, prior^2) (the model is right but for a factor) and of
each test log k_i = log(estimate / model's figure of the same channel, days and stage) with standard
error s_i = standard error / estimate (delta method):

    log k = sum_i log k_i / s_i^2 / (1 / prior^2 + sum_i 1 / s_i^2)
    standard deviation of log k = (1 / prior^2 + sum_i 1 / s_i^2)^(-1/2)

A sharp test overrules the model, a blunt one leaves it as it is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

PRIOR = 0.5
"""Before any test the model is believed within a factor of e^0.5 = 1.65, two times in three."""


@dataclass(frozen=True)
class Evidence:
    """One test's result beside the model's figure for the same thing, in the same unit."""

    estimate: float
    standard_error: float
    model: float


@dataclass(frozen=True)
class Factor:
    """`factor`: calibrated = factor × model; `deviation`: of its logarithm."""

    factor: float
    deviation: float


def usable(evidence: Evidence) -> bool:
    """Whether a factor can lead from the model's figure to the test's: both are above zero, or the
    test found nothing while the model did."""
    return evidence.model > 0 and evidence.standard_error > 0


def calibrate(found: Sequence[Evidence], prior: float = PRIOR) -> Factor:
    """The factor after all the tests; 1 without any. Each must be usable."""
    precision, pull = 1 / prior**2, 0.0
    for evidence in found:
        logarithm, error = _logarithm(evidence, prior)
        precision += 1 / error**2
        pull += logarithm / error**2
    return Factor(math.exp(pull / precision), precision**-0.5)


def _logarithm(evidence: Evidence, prior: float) -> tuple[float, float]:
    """log k_i and its standard error. A result at or below zero has no logarithm: it is taken as
    half its standard error, never as more than the model's figure, with the weight of the prior."""
    if evidence.estimate > 0:
        return (
            math.log(evidence.estimate / evidence.model),
            evidence.standard_error / evidence.estimate,
        )
    return math.log(min(1.0, evidence.standard_error / 2 / evidence.model)), prior
