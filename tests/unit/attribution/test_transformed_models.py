"""Rule models after path transforms: exact credit, and every model against plain Python."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from service.attribution.examples import Example, example_journeys
from service.attribution.models import DEFINITIONS, parse_model
from service.attribution.stepped import seen_by_step, transformed
from service.attribution.transforms import Channels
from service.attribution.weights import KERNELS, weigh
from tests.unit.attribution.conftest import credit_of_journeys
from tests.unit.attribution.test_model_laws import (
    MODELS,
    assert_proportional,
    by_definition,
    journey_lists,
)

Credit = Callable[..., list[int]]
RUNS = "a@9 a@8 b@7 b@6 b@5 a@1"


def test_every_rule_model_takes_transforms() -> None:
    for name in KERNELS:
        taken = [parameter.name for parameter in DEFINITIONS[name].parameters]
        assert taken[-2:] == ["transform", "max_steps"], name


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("first_touch:transform=exposure", [5_000, 5_000, 0, 0, 0, 0]),
        ("linear:transform=exposure", [1_667, 1_667, 1_111, 1_111, 1_111, 3_333]),
        ("position_based:transform=exposure", [2_000, 2_000, 667, 667, 666, 4_000]),
        ("linear:transform=first", [5_000, 0, 5_000, 0, 0, 0]),
        ("last_touch:transform=first", [0, 0, 10_000, 0, 0, 0]),
        ("linear:transform=frequency", [1_667, 1_667, 1_667, 1_667, 1_666, 1_666]),
        ("last_touch:transform=frequency", [0, 0, 3_334, 3_333, 3_333, 0]),
        ("linear:transform=remove_if_not_all(a)", [0, 0, 3_334, 3_333, 3_333, 0]),
        ("last_touch:transform=remove_if_last_and_not_all(a)", [0, 0, 0, 0, 10_000, 0]),
        ("first_touch:max_steps=2", [0, 0, 0, 0, 10_000, 0]),
        ("first_touch:transform=exposure:max_steps=2", [0, 0, 3_334, 3_333, 3_333, 0]),
        ("linear:unique=true:transform=exposure", [1_250, 1_250, 1_667, 1_667, 1_666, 2_500]),
        ("j_shaped@amplitude:transform=first", [3_000, 0, 7_000, 0, 0, 0]),
        ("custom:touch2=1:transform=exposure", [0, 0, 3_334, 3_333, 3_333, 0]),
    ],
)
def test_credit_of_a_path_with_runs(credit: Credit, model: str, expected: list[int]) -> None:
    assert credit(model, RUNS) == expected


def test_time_decay_dates_a_run_by_its_last_touch(credit: Credit) -> None:
    """a ends 14 days before and b 7 days after it: one part to two."""
    assert credit("time_decay:transform=exposure", "a@30 a@14 b@7", 300) == [50, 50, 200]


def test_time_decay_dates_a_frequency_by_its_first_touch(credit: Credit) -> None:
    assert credit("time_decay:transform=frequency", "a@14 b@7 a@1", 300) == [50, 200, 50]


def test_a_milestone_inside_a_run_is_the_runs(credit: Credit) -> None:
    """The lead, 6 days before, lies between the first and the last touch of the run of b."""
    path = "a@9 b@7 b@5 a@1 | lead@6"
    assert credit("u_shaped:transform=exposure", path) == [4_000, 2_000, 2_000, 2_000]
    assert credit("custom:lead=1:transform=exposure", path) == [0, 5_000, 5_000, 0]


def test_a_milestone_of_a_dropped_touch_is_the_step_befores(credit: Credit) -> None:
    path = "a@9 direct@7 b@5 | lead@6"
    assert credit("custom:lead=1", path) == [0, 10_000, 0]
    assert credit("custom:lead=1:transform=remove_if_not_all(direct)", path) == [10_000, 0, 0]
    # Nothing is left before it: like a milestone that the journey lacks.
    assert credit("u_shaped:max_steps=1", path) == [0, 0, 10_000]


def test_last_paid_falls_back_within_the_path_it_sees(credit: Credit) -> None:
    path = "paid_search@9 email@5 referral@1"
    assert credit("last_paid", path) == [10_000, 0, 0]
    assert credit("last_paid:max_steps=2", path) == [0, 0, 10_000]
    assert credit("last_paid:fallback=unattributed:max_steps=2", path) == [0, 0, 0]


@pytest.mark.parametrize("model", MODELS)
def test_none_and_unique_are_as_without(credit: Credit, model: str) -> None:
    path = "email@9 direct@7 email@5 paid_search@3 display@3 | lead@6 sql@4"
    plain = credit(model, path)
    for asked in ("transform=none", "transform=unique", "max_steps=none", "max_steps=5"):
        assert credit(f"{model}:{asked}", path) == plain, asked
    assert str(parse_model(f"{model}:transform=none")) == model


# Transforms again, one journey at a time, in plain Python: a path is a list of (state, touches).

Path = list[tuple[str, list[int]]]
CHAINS = (
    "exposure",
    "first",
    "frequency",
    "remove_if_not_all(direct)",
    "remove_if_last_and_not_all(email)",
    "remove_if_last_and_not_all(direct)+exposure",
    "exposure+first",
    "frequency+remove_if_not_all(email)",
)


def plainly(path: Path, part: str) -> Path:
    name, _, channel = part.rstrip(")").partition("(")
    states = [state for state, _ in path]
    if name == "exposure":
        runs: Path = []
        for state, touches in path:
            if runs and runs[-1][0] == state:
                runs[-1][1].extend(touches)
            else:
                runs.append((state, list(touches)))
        return runs
    if name == "first":
        return [step for place, step in enumerate(path) if step[0] not in states[:place]]
    if name == "frequency":
        return [
            (state, sorted(touch for s, touches in path if s == state for touch in touches))
            for state in dict.fromkeys(states)
        ]
    if all(state == channel for state in states):
        return path
    if name == "remove_if_not_all":
        return [step for step in path if step[0] != channel]
    while path[-1][0] == channel:
        path = path[:-1]
    return path


@settings(max_examples=50, deadline=None)
@given(journey_lists, st.sampled_from(CHAINS), st.none() | st.integers(1, 3))
def test_models_see_the_steps_and_touches_get_their_credit(
    examples: list[Example], chain: str, most: int | None
) -> None:
    """Weights are those of the definition, of the steps; credit adds up to the value; the touches
    of a step get equal parts, to the unit; a dropped one gets nothing."""
    journeys = example_journeys(examples)
    names = sorted({channel for example in examples for channel, _ in example.touches})
    channels = Channels(journeys.channel, names)
    values = [example.value for example in examples]
    for model in MODELS:
        spec = parse_model(f"{model}:transform={chain}:max_steps={most or 'none'}")
        note(str(spec))
        steps = transformed(journeys.channel, journeys.offsets, channels, spec)
        weights = weigh(seen_by_step(journeys, steps), spec)
        credit = credit_of_journeys(journeys, names, str(spec), values)
        for index, example in enumerate(examples):
            path: Path = [(channel, [place]) for place, (channel, _) in enumerate(example.touches)]
            for part in chain.split("+") if path else ():
                path = plainly(path, part)
            path = path[-most:] if most else path
            dated = moments(example, path, chain, by_decay="decay" in model)
            got = weights[steps.offsets[index] : steps.offsets[index + 1]].tolist()
            wanted = by_definition(dated, parse_model(model))
            assert_proportional(got, wanted, exact=spec.name != "time_decay")
            own = credit[journeys.offsets[index] : journeys.offsets[index + 1]]
            assert_shared(own, path, got, example.value)


def moments(example: Example, path: Path, chain: str, *, by_decay: bool) -> Example:
    """The steps as touches: dated by the last touch for decay (first of `frequency`), by the first
    for milestones."""
    place = -1 if by_decay and "frequency" not in chain else 0
    return replace(
        example,
        touches=tuple((example.touches[t[0]][0], example.touches[t[place]][1]) for _, t in path),
    )


def assert_shared(credit: list[int], path: Path, weights: list[int], value: int) -> None:
    in_steps = {touch for _, touches in path for touch in touches}
    assert all(part == 0 for touch, part in enumerate(credit) if touch not in in_steps)
    assert sum(credit) == (value if any(weights) else 0)
    for (_, touches), weight in zip(path, weights, strict=True):
        parts = [credit[touch] for touch in touches]
        assert max(parts) - min(parts) <= 1
        if any(weights):
            assert abs(sum(parts) - Fraction(value * weight, sum(weights))) < 1


def test_a_long_run_is_one_step() -> None:
    """A run of a thousand touches is one step, and its credit adds up over them."""
    example = Example("", tuple(("email", 1) for _ in range(1_000)), (), "", 999)
    arrays = example_journeys([example])
    credit = np.array(
        credit_of_journeys(arrays, ["email"], "first_touch:transform=exposure", [999])
    )
    assert (credit.sum(), credit[0], credit[-1]) == (999, 1, 0)
