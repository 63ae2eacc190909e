"""Journeys as a model sees them: of steps in place of touches, where it asks for path transforms.

A step has the channel, class and moment of the touch that stands for it (Steps.moment_of); for a
milestone it counts from its first touch on. So a lead made inside a run of visits that `exposure`
collapses belongs to the run, and one made by a dropped touch to the last step before it.
"""

from dataclasses import dataclass, replace

import numpy as np

from service.attribution.journeys import Ints, JourneyArrays
from service.attribution.models import ModelSpec
from service.attribution.paths import Codes
from service.attribution.segments import segment_sums
from service.attribution.transforms import Channels, Steps, apply, first_touches, stages


def is_transformed(model: ModelSpec) -> bool:
    """The model looks at something else than the touchpoints as they are."""
    values = dict(model.parameters)
    return values.get("transform") is not None or values.get("max_steps") is not None


def transformed(codes: Codes, offsets: Ints, channels: Channels, model: ModelSpec) -> Steps:
    """The steps that the model sees of journeys; the columns are those of `transforms.apply`."""
    chain, most = _asked(model)
    return apply(codes, offsets, chain, channels, most)


def seen_by_step(journeys: JourneyArrays, steps: Steps) -> JourneyArrays:
    """Journeys whose touches are the steps, each at the moment that stands for it."""
    at = steps.moment_of
    return replace(
        journeys,
        offsets=steps.offsets,
        touched_at=journeys.touched_at[at],
        begun_at=journeys.touched_at[first_touches(steps)],
        channel=steps.codes,
        is_direct=journeys.is_direct[at],
        channel_class=journeys.channel_class[at],
    )


@dataclass(frozen=True, eq=False)
class Weights:
    """By what conversions are divided, at their touches: the share of a touch of journey j is
    of_step / total[j] / shared_by, and 0 where it was dropped.

    Attributes:
        of_step: int64[m], the weight of the touch's step; 0 where it was dropped.
        shared_by: int64[m], so many touches share the step's credit; 0 where it was dropped.
        total: int64[n], the weights of a journey's steps together.
    """

    of_step: Ints
    shared_by: Ints
    total: Ints


def weights_of(step_weights: Ints, offsets: Ints, steps: Steps | None) -> Weights:
    """Of the weights int64[t] of steps and their journeys' offsets; steps None: touches as is."""
    total = segment_sums(step_weights, offsets)
    if steps is None:
        return Weights(step_weights, np.ones(len(step_weights), np.int64), total)
    kept = steps.step_of >= 0
    sizes = np.bincount(steps.step_of[kept], minlength=len(step_weights))
    # A dropped touch, at -1, finds the 0 behind the last step.
    return Weights(
        np.append(step_weights, 0)[steps.step_of], np.append(sizes, 0)[steps.step_of], total
    )


@dataclass(frozen=True)
class Place:
    """Where a touch went on the way to the model.

    Attributes:
        step: of its journey's path, from 1; None where it was dropped.
        shared_by: so many touches share the step's credit; None where it was dropped.
        dropped_by: the transform, or max_steps=k, that dropped it.
    """

    step: int | None
    shared_by: int | None
    dropped_by: str | None


def places(codes: Codes, offsets: Ints, channels: Channels, model: ModelSpec) -> list[Place]:
    """The place of each touch; arguments as of `transformed`. For few journeys: it is a list."""
    chain, most = _asked(model)
    dropped_by: list[str | None] = [None] * len(codes)
    kept = np.ones(len(codes), np.bool_)
    steps = apply(codes, offsets, None, channels)
    for part, steps in stages(codes, offsets, chain, channels, most):
        lost = kept & (steps.step_of < 0)
        for touch in np.flatnonzero(lost).tolist():
            dropped_by[touch] = part
        kept &= ~lost
    sizes = np.bincount(steps.step_of[kept], minlength=len(steps.codes))
    starts = np.repeat(steps.offsets[:-1], np.diff(steps.offsets))
    return [
        Place(None, None, by)
        if step < 0
        else Place(int(step - starts[step]) + 1, int(sizes[step]), None)
        for step, by in zip(steps.step_of.tolist(), dropped_by, strict=True)
    ]


def _asked(model: ModelSpec) -> tuple[str | None, int | None]:
    values = dict(model.parameters)
    chain, most = values.get("transform"), values.get("max_steps")
    return None if chain is None else str(chain), most if isinstance(most, int) else None
