"""The worlds with a known truth, and how far from it the models are."""

from dataclasses import replace

import numpy as np
import pytest

from tests.docs.truth import (
    BY_CHANCE,
    BY_INTEREST,
    CHANNELS,
    MEDIA,
    NOWHERE,
    World,
    calibrated,
    distances,
    figures,
    lived,
    truth,
)


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, tuple[float, float]]]:
    """By world and model: given ÷ truth, misplaced ÷ truth."""
    answer = {}
    for world in (BY_CHANCE, BY_INTEREST):
        true, given = truth(world), figures(world)
        given["calibrated"] = calibrated(given["incremental"], true)
        answer[world.name] = {name: distances(each, true) for name, each in given.items()}
    return answer


@pytest.mark.parametrize("world", [BY_CHANCE, BY_INTEREST], ids=lambda world: str(world.name))
def test_what_has_no_effect_has_no_truth(world: World) -> None:
    idle = replace(world, effect=NOWHERE, wakes=NOWHERE, people=2_000)
    assert set(truth(idle).values()) == {0}


def test_without_a_channel_everything_else_is_as_it_was() -> None:
    world = replace(BY_CHANCE, people=2_000)
    whole, without = lived(world), lived(world, ("email",))
    email = CHANNELS.index("email")
    assert (whole.channel == email).any()
    assert not (without.channel == email).any()
    # Effects add up, so nobody buys earlier, and until then they meet the same touches.
    late = np.where(without.bought < 0, world.days, without.bought)
    early = np.where(whole.bought < 0, world.days, whole.bought)
    assert (late >= early).all()
    same = (whole.channel != email) & (whole.moment // 86_400_000_000 <= early[whole.person])
    told = set(zip(without.person.tolist(), without.moment.tolist(), strict=True))
    pairs = zip(whole.person[same].tolist(), whole.moment[same].tolist(), strict=True)
    assert all(pair in told for pair in pairs)


def test_a_day_in_closed_form() -> None:
    """One day, a touch for everybody: of 1 - exp(-0.001 - 0.2 / 2) all but 1 - exp(-0.001) is its."""
    world = World(
        "a day", (0.0, 0.0, 1.0, 0.0, 0.0, 0.0), NOWHERE, NOWHERE,
        (0.0, 0.0, 0.2, 0.0, 0.0, 0.0), arises=0, buys_anyway=0.001, people=200_000, days=1,
    )  # fmt: skip
    true = truth(world)
    expected = 200_000 * (np.exp(-0.001) - np.exp(-0.101))
    assert true["display"] == pytest.approx(expected, rel=0.03)
    assert {true[name] for name in MEDIA if name != "display"} == {0}


def test_exposed_by_chance(found: dict[str, dict[str, tuple[float, float]]]) -> None:
    by_model = found[BY_CHANCE.name]
    ratio, wrong = by_model["incremental"]
    assert 0.9 < ratio < 1.1
    assert wrong < 0.15
    # Every other model gives away what would have come anyway too.
    for name, (given, misplaced) in by_model.items():
        if name not in ("incremental", "calibrated"):
            assert given > 1.4, name
            assert misplaced > 5 * wrong, name


def test_exposed_by_interest(found: dict[str, dict[str, tuple[float, float]]]) -> None:
    """It overstates, less than the others; lift tests of two channels take half of the error."""
    by_model = found[BY_INTEREST.name]
    ratio, wrong = by_model["incremental"]
    assert 1.5 < ratio < min(each[0] for name, each in by_model.items() if "incr" not in name
                             and name != "calibrated")  # fmt: skip
    assert wrong == min(each[1] for name, each in by_model.items() if name != "calibrated")
    assert by_model["calibrated"][1] < wrong / 2
