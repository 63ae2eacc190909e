"""Laws that hold for every model and journey, and every model against its definition in fractions."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from service.attribution.credit import allocate_journeys
from service.attribution.distinct import participation
from service.attribution.examples import CLASSES, Example, example_journeys
from service.attribution.journeys import MILESTONES, PAID
from service.attribution.models import ModelSpec, parse_model
from service.attribution.segments import BLOCK, WEIGHT_LIMIT
from service.attribution.weights import weigh
from service.kit.money import allocate

MODELS = (
    "first_touch",
    "last_touch",
    "last_non_direct",
    "last_paid",
    "last_paid:class=earned:fallback=unattributed",
    "linear",
    "linear:unique=true",
    "time_decay",
    "time_decay:half_life=12h",
    "position_based",
    "position_based:first=33.333:middle=0",
    "j_shaped",
    "j_shaped@amplitude",
    "inverse_j",
    "u_shaped",
    "u_shaped@marketo",
    "w_shaped",
    "w_shaped@dreamdata",
    "full_path",
    "custom:first=7:lead=11:sql=13:others=17:touch2=19:touch-3=23",
)

days = st.integers(0, 12)
channels = st.sampled_from([*CLASSES, "direct", "Search > Brand"])
touches = st.lists(st.tuples(channels, days), max_size=7).map(
    lambda found: tuple(sorted(found, key=lambda touch: -touch[1]))
)
milestones = st.dictionaries(st.sampled_from(MILESTONES), st.integers(-2, 14)).map(
    lambda found: tuple(found.items())
)
journey_lists = st.lists(
    st.builds(
        lambda found, reached, value: Example("", found, (), "", value, reached),
        touches,
        milestones,
        st.integers(-(10**12), 10**12),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(journey_lists)
def test_credit_adds_up_to_the_value(examples: list[Example]) -> None:
    journeys = example_journeys(examples)
    values = np.array([example.value for example in examples], dtype=np.int64)
    for model in MODELS:
        note(model)
        weights = weigh(journeys, parse_model(model))
        credit = allocate_journeys(values, weights, journeys.offsets)
        mirrored = allocate_journeys(-values, weights, journeys.offsets)
        assert weights.dtype == np.int64
        assert weights.min(initial=0) >= 0
        assert (mirrored == -credit).all()
        for index, example in enumerate(examples):
            rows = slice(journeys.offsets[index], journeys.offsets[index + 1])
            whole = weights[rows].sum()
            assert whole < WEIGHT_LIMIT
            if whole:
                assert credit[rows].sum() == example.value
                assert credit[rows].tolist() == allocate(example.value, weights[rows].tolist())
            else:
                assert not example.touches or "unattributed" in model


@settings(max_examples=40, deadline=None)
@given(journey_lists)
def test_a_batch_is_its_journeys_one_at_a_time(examples: list[Example]) -> None:
    journeys = example_journeys(examples)
    singles = [journeys.select(index, index + 1) for index in range(len(examples))]
    for model in MODELS:
        note(model)
        spec = parse_model(model)
        alone = [weight for single in singles for weight in weigh(single, spec).tolist()]
        assert weigh(journeys, spec).tolist() == alone


@pytest.mark.parametrize("model", MODELS)
def test_a_batch_of_many_blocks_is_the_same_again_and_again(model: str) -> None:
    few = [
        Example("", (("email", 9), ("direct", 5), ("display", 5)), (), "", 0, (("lead", 6),)),
        Example("", (), (), ""),
        Example("", (("referral", 3), ("referral", 2)), (), "", 0, (("sql", 2),)),
    ]
    spec, repeats = parse_model(model), BLOCK
    once = weigh(example_journeys(few), spec).tolist()
    assert weigh(example_journeys(few * (repeats // 5)), spec).tolist() == once * (repeats // 5)


@settings(max_examples=100, deadline=None)
@given(journey_lists)
def test_shares_are_those_of_the_definition(examples: list[Example]) -> None:
    journeys = example_journeys(examples)
    for model in MODELS:
        note(model)
        spec = parse_model(model)
        weights = weigh(journeys, spec)
        for index, example in enumerate(examples):
            got = weights[journeys.offsets[index] : journeys.offsets[index + 1]].tolist()
            assert_proportional(got, by_definition(example, spec), exact=spec.name != "time_decay")


def assert_proportional(got: list[int], wanted: list[Fraction], *, exact: bool) -> None:
    if exact:
        assert [part * sum(wanted) for part in got] == [share * sum(got) for share in wanted]
    else:
        scale = sum(got) / sum(wanted) if wanted else 0
        assert got == pytest.approx([float(share * scale) for share in wanted], rel=1e-7, abs=1)


@settings(deadline=None)
@given(journey_lists)
def test_participation_is_one_for_each_distinct_channel(examples: list[Example]) -> None:
    journeys = example_journeys(examples)
    marks = participation(journeys)
    for index, example in enumerate(examples):
        names = [channel for channel, _ in example.touches]
        firsts = [int(name not in names[:place]) for place, name in enumerate(names)]
        assert marks[journeys.offsets[index] : journeys.offsets[index + 1]].tolist() == firsts


# The definitions again, one journey at a time, in fractions and plain Python.


def by_definition(example: Example, spec: ModelSpec) -> list[Fraction]:
    if not example.touches:
        return []
    return DEFINED.get(spec.name, anchored)(example, spec)


def one(example: Example, index: int | None) -> list[Fraction]:
    return [Fraction(place == index) for place in range(len(example.touches))]


def last_where(example: Example, holds: Callable[[str], bool]) -> int | None:
    found = [place for place, (channel, _) in enumerate(example.touches) if holds(channel)]
    return found[-1] if found else None


def last_non_direct(example: Example, spec: ModelSpec) -> list[Fraction]:
    found = last_where(example, lambda channel: channel != "direct")
    return one(example, len(example.touches) - 1 if found is None else found)


def last_paid(example: Example, spec: ModelSpec) -> list[Fraction]:
    wanted = {"paid": PAID, "earned": 3}[str(spec["class"])]
    found = last_where(example, lambda channel: CLASSES.get(channel) == wanted)
    if found is None and spec["fallback"] == "last_touch":
        found = len(example.touches) - 1
    return one(example, found)


def linear(example: Example, spec: ModelSpec) -> list[Fraction]:
    names = [channel for channel, _ in example.touches]
    return [Fraction(1, names.count(name) if spec["unique"] else 1) for name in names]


def decay(example: Example, spec: ModelSpec) -> list[Fraction]:
    half_life = {"time_decay": 7.0}.get(str(spec), 0.5)
    return [Fraction(2.0 ** -(before / half_life)) for _, before in example.touches]


def anchored(example: Example, spec: ModelSpec) -> list[Fraction]:
    count = len(example.touches)
    if spec.preset == "amplitude" and count == 2:
        return [Fraction(30), Fraction(70)]
    held: dict[int, Fraction] = {}
    rest = Fraction(0)
    for name, share in spec.parameters:
        if not isinstance(share, Decimal) or name.endswith("_of_two"):
            continue
        if name in ("middle", "others"):
            rest = Fraction(share)
            continue
        place = anchor(example, name)
        if place is not None:
            held[place] = held.get(place, Fraction(0)) + Fraction(share)
    free = [place for place in range(count) if place not in held]
    shares = [held.get(place, rest / max(len(free), 1)) for place in range(count)]
    return shares if any(shares) else [Fraction(1)] * count


def anchor(example: Example, name: str) -> int | None:
    count = len(example.touches)
    if name in MILESTONES:
        before = dict(example.milestones).get(name)
        if before is None or before < 0:
            return None
        reached = [place for place in range(count) if example.touches[place][1] >= before]
        return reached[-1] if reached else None
    number = {"first": 1, "last": -1, "close": -1}.get(name) or int(name.removeprefix("touch"))
    if abs(number) > count:
        return None
    return number - 1 if number > 0 else count + number


DEFINED: dict[str, Callable[[Example, ModelSpec], list[Fraction]]] = {
    "first_touch": lambda example, spec: one(example, 0),
    "last_touch": lambda example, spec: one(example, len(example.touches) - 1),
    "last_non_direct": last_non_direct,
    "last_paid": last_paid,
    "linear": linear,
    "time_decay": decay,
}
