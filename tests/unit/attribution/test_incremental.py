"""The hazard model: closed forms, the laws of its sums, and the panel it is fitted on."""

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.attribution.calibration import PRIOR, Evidence, calibrate, usable
from service.attribution.examples_panel import PANEL_EXAMPLES, PanelExample
from service.attribution.incremental import HALF_LIVES, WEIGHT_BITS, settled
from service.attribution.models import parse_model
from service.attribution.panel import NEVER
from service.attribution.stock import stocks, touch_parts
from tests.unit.attribution.panels import chances_of, fitted, happenings, of_example, panel_of

ONE = 2**WEIGHT_BITS


@pytest.mark.parametrize("example", PANEL_EXAMPLES, ids=[e.model for e in PANEL_EXAMPLES])
def test_worked_example(example: PanelExample) -> None:
    spec = parse_model(example.model)
    assert str(spec) == example.model
    touches, conversions, names = of_example(example)
    half_life, fill = settled(spec["half_life"], spec["fill"])
    hazard = fitted(touches, conversions, example.days, len(names), half_life=half_life, fill=fill)
    assert dict(zip(names, hazard.expected.tolist(), strict=True)) == pytest.approx(
        dict(example.incremental), abs=1e-5
    )
    found = chances_of(hazard, touches, conversions)
    assert found.baseline.sum() / ONE == pytest.approx(example.baseline, abs=1e-5)


def test_a_lasting_effect_in_closed_form() -> None:
    """Ten people touched on day 0, half of it left on day 1: the rates of two days are two unknowns."""
    touches = [(unit, 0, 0) for unit in range(10)]
    hazard = fitted(touches, [(0, 0), (1, 1)], 2, 1, half_life=1.0, fill=1.0)
    # base + rate = 1/10; base + rate/2 = 1/9 would need a rate below 0: none.
    assert hazard.rate.tolist() == [0.0]
    assert hazard.base[0] == pytest.approx(2 / 19)
    bought = [(0, 0), (1, 0), (2, 0), (3, 1), (4, 1)]
    hazard = fitted(touches, bought, 2, 1, half_life=1.0, fill=1.0)
    # base + rate = 3/10; base + rate/2 = 2/7.
    assert hazard.rate[0] == pytest.approx(2 * (3 / 10 - 2 / 7), rel=1e-3)
    assert hazard.base[0] == pytest.approx(4 / 7 - 3 / 10, rel=1e-3)


def test_more_touches_fill_the_room_that_is_left() -> None:
    """Three touches on one day fill 1 - 0.5^3; the latest has most of it."""
    journey, age = np.zeros(3, np.int64), np.array([0, 0, 0])
    parts = touch_parts(journey, np.zeros(3, np.int64), age, 7.0, 0.5)
    assert parts.tolist() == [0.125, 0.25, 0.5]
    # Another state, and another journey, do not crowd.
    mixed = touch_parts(np.array([0, 0, 1]), np.array([0, 1, 0]), age, 7.0, 0.5)
    assert mixed.tolist() == [0.5, 0.5, 0.5]
    # Half of it is gone after each half-life.
    assert touch_parts(journey[:1], journey[:1], np.array([14]), 7.0, 0.5).tolist() == [0.125]


def test_the_stock_over_days_at_risk_in_closed_form() -> None:
    """Filled to 0.5 on day 0, halved to 0.25 on day 1 and there filled to 0.625; then 0.3125."""
    panel = panel_of([(0, 0, 0), (0, 1, 0)], [(0, 2)], 9, 1)
    found = stocks(panel, 1.0, 0.5)
    assert found.exposure.tolist() == pytest.approx([0.5 + 0.625 + 0.3125])
    assert found.stock.tolist() == pytest.approx([0.3125])
    parts = touch_parts(np.zeros(2, np.int64), np.zeros(2, np.int64), np.array([2, 1]), 1.0, 0.5)
    assert parts.sum() == pytest.approx(0.3125)


def test_a_conversion_ends_a_spell_and_takes_its_touches() -> None:
    touches = [(0, 1, 0), (0, 4, 0), (1, 2, 0)]
    panel = panel_of(touches, [(0, 3), (0, 3), (0, 6), (2, 5), (-1, 5)], 10, 1)
    assert panel.event_of.tolist() == [0, 0, 1, -1, -1]
    assert panel.weight.tolist() == [2, 1]
    # Days 1-3, 4-6, 7-9 of the first, 2-9 of the second; nobody else is known.
    assert sorted(panel.days_at_risk[panel.days_at_risk > 0].tolist()) == [3, 3, 3, 8]
    assert (panel.since == NEVER).tolist() == [True, True, False, True, True]
    assert panel.since[2] == happenings([0], [3], 12).moment[0]
    hazard = fitted(touches, [(0, 3), (0, 6)], 10, 1, half_life=7.0)
    found = chances_of(hazard, touches, [(0, 3), (0, 6)])
    assert found.touch[1] == 0  # of day 1, for the conversion of day 6


def test_credit_of_what_is_long_gone_is_still_credit() -> None:
    """Of ten who were touched, four buy at once and one after 60 days of a half-life of one."""
    touches = [(unit, 0, 0) for unit in range(10)]
    conversions = [(0, 0), (1, 0), (2, 0), (3, 0), (4, 60)]
    hazard = fitted(touches, conversions, 61, 1, half_life=1.0)
    found = chances_of(hazard, touches, conversions)
    assert found.touch[4] == 0
    assert found.credit[4] == ONE


@pytest.mark.parametrize(("half_life", "days_before"), [(None, 1_100), (1 / 24, 60), (1.0, 1_040)])
def test_a_channel_of_which_nothing_is_left_brings_nothing(
    half_life: float | None, days_before: int
) -> None:
    """After a thousand half-lives what is left of a touch is below every number, or almost."""
    touches = [(0, -days_before, 0), (1, -days_before, 0), (2, 0, 1), (3, 0, 1)]
    conversions = [(0, 5), (2, 0)]
    hazard = fitted(touches, conversions, 20, 2, half_life=half_life)
    assert hazard.half_life < 7 or hazard.expected[0] > 0  # a longer one may still find something
    found = chances_of(hazard, touches, conversions)
    assert found.touch.min() >= 0
    assert (found.touch + found.baseline).tolist() == pytest.approx([ONE, ONE], abs=1)
    if half_life is not None:
        assert hazard.expected[0] == hazard.rate[0] == found.touch[0] == 0


def test_a_channel_that_nobody_bought_after_may_have_brought_two() -> None:
    """Of t expected none come with probability e^-t: the likelihood ratio allows t = 3.84 / 2."""
    touches = [(unit, 0, unit // 10) for unit in range(20)]
    hazard = fitted(touches, [(unit, 0) for unit in range(5)], 30, 3, half_life=1.0)
    assert hazard.expected[1:].tolist() == [0, 0]
    assert hazard.upper[1] == pytest.approx(3.841459 / 2, rel=1e-6)
    assert hazard.upper[2] == 0  # nobody was touched


def test_nobody_at_risk() -> None:
    hazard = fitted([], [], 5, 2)
    assert hazard.expected.tolist() == [0, 0]
    assert hazard.facts["person_days"] == 0
    found = chances_of(hazard, [], [(0, 1)])
    assert found.baseline.tolist() == [ONE]


def test_the_likeliest_half_life_is_found() -> None:
    """All who convert do so on the day of the touch: the shortest; evenly after it: the longest."""
    touches = [(unit, unit % 5, 0) for unit in range(40)]
    quick = [(unit, unit % 5) for unit in range(10)]
    assert fitted(touches, quick, 60, 1).half_life == HALF_LIVES[0]
    slow = [(unit, unit % 5 + 2 * unit) for unit in range(20)]
    assert fitted(touches, slow, 60, 1).half_life > HALF_LIVES[2]


@st.composite
def panels(draw: st.DrawFn) -> tuple[list[tuple[int, int, int]], list[tuple[int, int]]]:
    """Up to 12 people, 4 states (the last the own visits) and 15 days, one conversion a day each."""
    touch = st.tuples(st.integers(0, 11), st.integers(0, 14), st.integers(0, 3))
    touches = draw(st.lists(touch, min_size=1, max_size=25))
    pairs = st.tuples(st.integers(0, 11), st.integers(0, 14))
    return touches, draw(st.lists(pairs, min_size=1, max_size=12, unique=True))


@settings(max_examples=30)
@given(panels())
def test_baseline_and_increments_are_the_conversions(
    drawn: tuple[list[tuple[int, int, int]], list[tuple[int, int]]],
) -> None:
    touches, conversions = drawn
    hazard = fitted(touches, conversions, 15, 4, own=[3], half_life=2.0)
    found = chances_of(hazard, touches, conversions)
    assert (found.touch >= 0).all()
    assert abs(found.touch.sum() + found.baseline.sum() - ONE * len(conversions)) <= len(touches)
    # Credit has no baseline, however small the chances: all of it, or nothing.
    sizes = [sum(t[0] == unit and t[1] <= day for t in touches) for unit, day in conversions]
    owner = np.repeat(np.arange(len(sizes)), sizes)
    credit = np.bincount(owner, found.credit, minlength=len(sizes))
    assert all(part == 0 or abs(part - ONE) <= len(touches) for part in credit)
    assert (found.credit >= found.touch - 1).all()
    # The fit's own figure of each channel is the sum of the chances of its touches.
    ordered = [
        t[2]
        for unit, day in conversions
        for t in sorted(t for t in touches if t[0] == unit and t[1] <= day)
    ]
    brought = np.bincount(np.asarray(ordered, np.int64), found.touch, minlength=4) / ONE
    # The likelihood is flat where so few people say next to nothing.
    assert brought[:3] == pytest.approx(hazard.expected[:3], abs=2e-3 * len(conversions))
    # Own visits bring nothing, and so does whoever touched nobody.
    assert brought[3] == hazard.expected[3] == 0
    untouched = sorted({0, 1, 2} - {t[2] for t in touches})
    assert hazard.expected[untouched].tolist() == [0] * len(untouched)


@settings(max_examples=30)
@given(panels(), st.permutations(range(3)))
def test_names_do_not_matter(
    drawn: tuple[list[tuple[int, int, int]], list[tuple[int, int]]], names: list[int]
) -> None:
    touches, conversions = drawn
    place = [*names, 3]
    renamed = [(unit, day, place[state]) for unit, day, state in touches]
    before = fitted(touches, conversions, 15, 4, own=[3], half_life=2.0)
    after = fitted(renamed, conversions, 15, 4, own=[3], half_life=2.0)
    # Where two channels touched just the same the likelihood has no single peak; its height has.
    height = before.facts["log_likelihood"]
    assert after.facts["log_likelihood"] == pytest.approx(height, abs=1e-5)
    assert after.expected.sum() <= len(conversions) + 1e-6


@settings(max_examples=30)
@given(panels(), st.integers(2, 4))
def test_so_many_worlds_bring_so_many_times_as_much(
    drawn: tuple[list[tuple[int, int, int]], list[tuple[int, int]]], times: int
) -> None:
    touches, conversions = drawn
    many = [(u + 12 * n, day, state) for n in range(times) for u, day, state in touches]
    bought = [(u + 12 * n, day) for n in range(times) for u, day in conversions]
    one = fitted(touches, conversions, 15, 4, own=[3], half_life=2.0)
    found = fitted(many, bought, 15, 4, own=[3], half_life=2.0)
    scaled = times * one.expected
    assert found.expected == pytest.approx(scaled, abs=1e-4 * times * len(conversions))


def test_renamed_channels_swap_their_figures() -> None:
    touches = [(unit, unit % 4, unit % 2) for unit in range(40)]
    conversions = [(unit, unit % 4 + unit % 3) for unit in range(0, 30, 2)] + [(1, 9), (3, 3)]
    before = fitted(touches, conversions, 20, 2, half_life=2.0).expected
    swapped = [(unit, day, 1 - state) for unit, day, state in touches]
    after = fitted(swapped, conversions, 20, 2, half_life=2.0).expected
    assert before[0] != pytest.approx(before[1], abs=0.5)
    assert after.tolist() == pytest.approx(before[::-1].tolist(), abs=1e-6)


def test_precise_tests_overrule_and_blunt_ones_do_not() -> None:
    """log k = (0/p² + log k̂/s²) / (1/p² + 1/s²)."""
    assert calibrate([]) == calibrate([], PRIOR)
    assert (calibrate([]).factor, calibrate([]).deviation) == (1.0, PRIOR)
    equal = calibrate([Evidence(50, 25, 100)])  # an error of 0.5 on the log scale, as the prior
    assert equal.factor == pytest.approx(math.sqrt(0.5))
    assert equal.deviation == pytest.approx(PRIOR / math.sqrt(2))
    assert calibrate([Evidence(50, 1e-6, 100)]).factor == pytest.approx(0.5)
    assert calibrate([Evidence(50, 1e6, 100)]).factor == pytest.approx(1.0)
    two = calibrate([Evidence(50, 25, 100), Evidence(200, 100, 100)])
    assert two.factor == pytest.approx(1.0)
    assert two.deviation == pytest.approx(PRIOR / math.sqrt(3))


def test_a_test_that_found_nothing_pulls_down_and_never_up() -> None:
    # Half the error over the model's figure is taken for the ratio, with the prior's weight.
    found = calibrate([Evidence(0, 10, 20)])
    assert found.factor == pytest.approx(math.sqrt(0.25))
    assert calibrate([Evidence(-30, 1000, 20)]).factor == 1.0
    assert not usable(Evidence(5, 1, 0))


def test_parameters_as_the_fit_takes_them() -> None:
    spec = parse_model("incremental:half_life=36h:fill=25")
    assert (spec["half_life"], settled(spec["half_life"], spec["fill"])) == (
        timedelta(hours=36), (1.5, 0.25),
    )  # fmt: skip
    assert settled(None, parse_model("incremental")["fill"]) == (None, 0.5)
