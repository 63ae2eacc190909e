"""Path transforms: from the touches of journeys to the steps that a model sees.

Names and meanings are those of Google's fractribution (path_transforms.sql, Apache-2.0). There one
copy of a path is trimmed and another one modelled; here every touch knows its step, so the credit
of a step always finds its way back to the touches it stands for.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from service.attribution.journeys import Bools, Ints
from service.attribution.parameters import Parameter
from service.attribution.paths import Codes, offsets_of
from service.attribution.segments import journey_of, last_where, segment_sums

_CHANNEL = r"\(([^()+:,\s]{1,100})\)"
_PART = re.compile(
    rf"unique|exposure|first|frequency|(remove_if_not_all|remove_if_last_and_not_all){_CHANNEL}"
)
_LONGEST_CHAIN = 5


def read_transform(text: str) -> str | None:
    """The canonical text of a chain, or None where it is none; a blank is a + of a web address."""
    parts = re.split(r"[+ ]", text)
    known = len(parts) <= _LONGEST_CHAIN and all(_PART.fullmatch(part) for part in parts)
    return "+".join(parts) if known else None


TRANSFORM = Parameter(
    "transform",
    "transform",
    None,
    "what happens to a path before the model sees it; several with + between, from left to right: "
    "`unique` (nothing), `exposure` (touches of one channel in a row become one step), `first` "
    "(only the first touch of each channel), `frequency` (a channel met 3 times becomes the step "
    "channel(3)), `remove_if_not_all(c)` (without channel c, unless there is no other), "
    "`remove_if_last_and_not_all(c)` (without c at the end of the path, unless there is no other)",
    optional=True,
    reader=read_transform,
)
MAX_STEPS = Parameter(
    "max_steps",
    "count",
    None,
    "after the transforms, only the last so many steps of a path",
    optional=True,
    least=1,
    most=1000,
)
STEP_PARAMETERS = (TRANSFORM, MAX_STEPS)


@dataclass(frozen=True, eq=False)
class Steps:
    """The steps of n journeys with m touches, t in all.

    Attributes:
        offsets: int64[n + 1], from 0 to t.
        codes: int32[t], the state of each step; without `frequency` that is the channel's code.
        step_of: int64[m], the step a touch belongs to, -1 for a touch that was dropped. The credit
            of a step goes to its touches equally.
        moment_of: int64[t], the touch whose moment is the step's: its last one, of `frequency` its
            first one, so that moments never fall inside a journey.
        channel_of: int32[states], the channel's code of each state.
    """

    offsets: Ints
    codes: Codes
    step_of: Ints
    moment_of: Ints
    channel_of: Codes


def apply(
    codes: Codes,
    offsets: Ints,
    transform: str | None,
    code_of: Mapping[str, int],
    max_steps: int | None = None,
) -> Steps:
    """The steps of journeys whose touches have these codes.

    Args:
        codes: int32[m], channels 0, 1, 2 ….
        offsets: int64[n + 1].
        transform: value of the parameter TRANSFORM.
        code_of: the code of each channel's name, for the transforms that name one; a name that is
            not in it removes nothing.
        max_steps: value of the parameter MAX_STEPS.
    """
    touches = np.arange(len(codes))
    states = np.arange(int(codes.max(initial=-1)) + 1, dtype=np.int32)
    steps = Steps(offsets, codes, touches, touches, states)
    for part in (transform or "unique").split("+"):
        name, _, channel = part.rstrip(")").partition("(")
        if channel:
            steps = _removed(steps, code_of.get(channel, -1), last_only="last" in name)
        else:
            steps = _SIMPLE[name](steps)
    return steps if max_steps is None else _kept(steps, _from_end(steps.offsets) < max_steps)


def _unique(steps: Steps) -> Steps:
    return steps


def _exposure(steps: Steps) -> Steps:
    """Immediate repeats become one step."""
    begins = _is_start(steps.offsets)
    begins[1:] |= steps.codes[1:] != steps.codes[:-1]
    run = np.cumsum(begins) - 1
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], len(begins))[: len(starts)] - 1
    return Steps(
        offsets_of(segment_sums(begins, steps.offsets)),
        steps.codes[starts],
        _chained(steps.step_of, run),
        steps.moment_of[ends],
        steps.channel_of,
    )


def _first(steps: Steps) -> Steps:
    group, _ = _groups(steps)
    return _kept(steps, group == np.arange(len(group)))


def _frequency(steps: Steps) -> Steps:
    """All touches of one state become one step, where the first of them stood."""
    group, size = _groups(steps)
    leads = group == np.arange(len(group))
    place = np.cumsum(leads) - 1
    # A state is (state so far, how often); numbered in that order.
    pairs = steps.codes[leads].astype(np.int64) * (len(leads) + 1) + size[leads]
    states, codes = np.unique(pairs, return_inverse=True)
    return Steps(
        offsets_of(segment_sums(leads, steps.offsets)),
        codes.astype(np.int32),
        _chained(steps.step_of, place.take(group)),
        steps.moment_of[leads],
        steps.channel_of[states // (len(leads) + 1)],
    )


_SIMPLE: Mapping[str, Callable[[Steps], Steps]] = {
    "unique": _unique,
    "exposure": _exposure,
    "first": _first,
    "frequency": _frequency,
}


def _removed(steps: Steps, channel: int, *, last_only: bool) -> Steps:
    """Without the channel's steps (or only those at the end), unless the journey has no other."""
    sizes = np.diff(steps.offsets)
    is_channel = steps.channel_of.take(steps.codes) == channel
    last_other = last_where(~is_channel, steps.offsets)
    owner = journey_of(sizes)
    dropped = is_channel & (last_other >= 0).take(owner)
    if last_only:
        dropped &= np.arange(len(owner)) > last_other.take(owner)
    return _kept(steps, ~dropped)


def _kept(steps: Steps, keep: Bools) -> Steps:
    return Steps(
        offsets_of(segment_sums(keep, steps.offsets)),
        steps.codes[keep],
        _chained(steps.step_of, np.where(keep, np.cumsum(keep) - 1, -1)),
        steps.moment_of[keep],
        steps.channel_of,
    )


def _chained(step_of: Ints, then: Ints) -> Ints:
    """The step of each touch after a further transform; dropped stays dropped."""
    return np.append(then, -1).take(step_of)


def _is_start(offsets: Ints) -> Bools:
    starts = np.zeros(int(offsets[-1]), dtype=np.bool_)
    starts[offsets[:-1][np.diff(offsets) > 0]] = True
    return starts


def _from_end(offsets: Ints) -> Ints:
    """int64[t], 0 on the last step of a journey, 1 on the one before, …."""
    return np.repeat(offsets[1:], np.diff(offsets)) - 1 - np.arange(int(offsets[-1]))


def _groups(steps: Steps) -> tuple[Ints, Ints]:
    """int64[t] twice: the first step with the same state in the journey, and how many there are."""
    keys = (journey_of(np.diff(steps.offsets)) << 32) + steps.codes
    _, first, group, sizes = np.unique(
        keys, return_index=True, return_inverse=True, return_counts=True
    )
    return first.take(group), sizes.take(group)
