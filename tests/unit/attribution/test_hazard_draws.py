"""Drawing the hazard model again comes near fitting it again, and credit follows from the rates."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from service.attribution.bootstrap import GROUPS, draw_weights
from service.attribution.credit import allocate_journeys
from service.attribution.hazard_draws import causes_of, draw_causes, draw_rates
from service.attribution.incremental import Hazard, chances, fit_incremental
from service.attribution.journeys import Ints
from service.attribution.panel import Floats, Happenings, Panel, build_panel
from service.kit.errors import Refusal
from tests.docs.truth import BY_CHANCE, CHANNELS, DAY, Outcome, lived
from tests.unit.attribution.panels import fitted, panel_of

WORLD = replace(BY_CHANCE, people=1_500)
OWN = np.array([channel == "direct" for channel in CHANNELS])
HALF_LIFE, FILL = 4.0, 0.5
MILLION = 1_000_000


def panel_where(outcome: Outcome, times: Ints) -> Panel:
    """The panel in which each person is so many people."""
    touches = np.repeat(np.arange(len(outcome.person)), times[outcome.person])
    first = np.append(0, np.cumsum(times))[:-1]
    # The copies of a person's touches, told apart by how often the touch came before.
    copy = np.arange(len(touches)) - np.searchsorted(touches, touches)
    unit = first[outcome.person[touches]] + copy
    order = np.lexsort((outcome.moment[touches], unit))
    moment, unit, channel = outcome.moment[touches][order], unit[order], outcome.channel[touches]
    buyers = np.flatnonzero(outcome.bought >= 0)
    who = np.concatenate([first[b] + np.arange(times[b]) for b in buyers])
    day = np.repeat(outcome.bought[buyers], times[buyers])
    return build_panel(
        Happenings(unit, moment, moment // DAY),
        channel[order],
        Happenings(who, day * DAY + 9 * DAY // 10, day),
        (0, WORLD.days),
        len(CHANNELS),
    )


def rates_of(hazard: Hazard) -> Floats:
    return np.concatenate((hazard.base, hazard.rate))


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return lived(WORLD)


@pytest.fixture(scope="module")
def once(outcome: Outcome) -> tuple[Panel, Hazard]:
    panel = panel_where(outcome, np.ones(WORLD.people, np.int64))
    return panel, fit_incremental(panel, OWN, HALF_LIFE, FILL)


def test_a_draw_comes_near_a_fit(outcome: Outcome, once: tuple[Panel, Hazard]) -> None:
    """Of 265 purchases and 80 draws: a rate as drawn and as fitted anew to the very people of the draw
    lie apart by less than a sixth of its spread over the draws, and the spreads, which the intervals
    are made of, by less than a twentieth. A rate that is zero in the fit bends more: half, a fifth."""
    panel, hazard = once
    groups, times = np.arange(WORLD.people) % GROUPS, draw_weights()[:80]
    drawn = draw_rates(panel, hazard, groups, times)
    anew = np.array(
        [
            rates_of(fit_incremental(panel_where(outcome, row[groups]), OWN, HALF_LIFE, FILL))
            for row in times.astype(np.int64)
        ]
    )
    spread = anew.std(axis=0)
    apart = np.sqrt(((drawn - anew) ** 2).mean(axis=0))
    moves, acts = spread > 0, rates_of(hazard) > 0
    assert (moves.sum(), acts.sum()) == (7, 5)
    for some, near, alike in ((acts, 1 / 6, 0.05), (moves & ~acts, 1 / 2, 0.2)):
        assert (apart[some] < near * spread[some]).all(), (apart, spread)
        assert drawn.std(axis=0)[some] == pytest.approx(spread[some], rel=alike)


def test_everybody_once_is_the_fit(once: tuple[Panel, Hazard]) -> None:
    panel, hazard = once
    groups = np.arange(WORLD.people) % GROUPS
    (drawn,) = draw_rates(panel, hazard, groups, np.ones((1, GROUPS)))
    assert drawn == pytest.approx(rates_of(hazard), rel=1e-6, abs=1e-12)
    # Everybody twice: twice the purchases on twice the days.
    (twice,) = draw_rates(panel, hazard, groups, np.full((1, GROUPS), 2.0))
    assert twice == pytest.approx(drawn, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("with_baseline", [False, True], ids=["attributed", "brought"])
def test_credit_of_the_fit_is_that_of_its_chances(
    outcome: Outcome, once: tuple[Panel, Hazard], with_baseline: bool
) -> None:
    _, hazard = once
    # Without an effect of letters some have bought of whom nobody has earned anything.
    email, social = CHANNELS.index("email"), CHANNELS.index("paid_social")
    hazard = replace(hazard, rate=np.where(np.arange(len(CHANNELS)) == email, 0, hazard.rate))
    mine = outcome.bought[outcome.person] >= 0
    person, state = outcome.person[mine], outcome.channel[mine]
    buyers, sizes = np.unique(person, return_counts=True)
    offsets = np.append(0, np.cumsum(sizes))
    age = outcome.bought[person] - outcome.moment[mine] // DAY
    live, again = np.ones(len(age), bool), np.zeros(len(buyers), bool)
    amounts = MILLION * (1 + buyers % 7)
    rows = np.where(state == social, -1, state)
    causes = causes_of(
        hazard, offsets, (state, age, live), again, rows, with_baseline=with_baseline
    )
    found, left = draw_causes(
        causes,
        rates_of(hazard)[None],
        np.ones((1, 1)),
        np.zeros(len(buyers), np.int64),
        amounts,
        amounts,
        len(CHANNELS),
    )
    chance = chances(hazard, offsets, state, age, live, again)
    if with_baseline:
        owner = np.repeat(np.arange(len(buyers)), sizes)
        credit = amounts[owner] * chance.touch / 2**30
        resting = 0.0
    else:
        credit = allocate_journeys(amounts, chance.credit, offsets).astype(float)
        resting = float(amounts.sum() - credit.sum())
        assert resting > 0
    expected = np.bincount(state, np.where(rows >= 0, credit, 0.0), minlength=len(CHANNELS))
    assert found[0] == pytest.approx(expected, abs=len(buyers))
    assert left[0] == pytest.approx(resting, abs=1)


def test_a_touch_of_long_ago_is_still_all_there_is() -> None:
    """2,000 half-lives back, and behind it a channel without an effect in this draw or in the fit."""
    found: Any = fitted([(0, 0, 0), (1, 0, 1)], [(0, 0), (1, 3)], 5, 2, half_life=1 / 24)
    hazard = replace(found, rate=np.array([0.1, 0.0]))
    offsets, nobody = np.array([0, 2]), np.zeros(1, bool)
    touched = np.array([0, 1]), np.array([90, 2]), np.ones(2, bool)
    causes = causes_of(hazard, offsets, touched, nobody, np.array([0, 1]), with_baseline=False)
    rates = np.array([[0.1, 0.1, 0.1, 0.0], [0.1, 0.1, 0.0, 0.1], [0.1, 0.1, 0.0, 0.0]])
    amounts = np.array([MILLION])
    found, left = draw_causes(
        causes, rates, np.ones((3, 1)), np.zeros(1, np.int64), amounts, amounts, 2
    )
    assert found.tolist() == [[MILLION, 0], [0, MILLION], [0, 0]]
    assert left.tolist() == [0, 0, MILLION]


def test_a_panel_without_a_conversion_has_no_rates() -> None:
    hazard = fitted([(0, 0, 0), (1, 1, 1)], [], 5, 2, half_life=2.0)
    panel = panel_of([(0, 0, 0), (1, 1, 1)], [], 5, 2)
    drawn = draw_rates(panel, hazard, np.zeros(2, np.int64), np.array([[1.0], [0.0]]))
    assert drawn.tolist() == [[0.0] * 4] * 2


def test_of_too_many_states_none_is_drawn() -> None:
    touches, bought = [(unit, 0, unit) for unit in range(97)], [(0, 1)]
    hazard = fitted(touches, bought, 5, 97, half_life=2.0)
    with pytest.raises(Refusal, match="up to 95 states, these touches have 96") as refused:
        draw_rates(
            panel_of(touches, bought, 5, 97), hazard, np.zeros(97, np.int64), np.ones((1, 1))
        )
    assert refused.value.code == "too_many_states"
