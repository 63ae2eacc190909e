"""Faults of well-known packages that this one must not have, one test each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from service.attribution.credit import allocate_journeys
from service.attribution.examples import Example, example_journeys
from service.attribution.models import parse_model
from service.attribution.paths import collect_paths
from service.attribution.population import fit, fit_draws
from service.attribution.spread import inside
from service.attribution.transforms import apply
from service.attribution.weights import weigh
from service.kit.errors import Refusal
from tests.unit.attribution.populations import Row, credit_by_state, credit_of, fitted, paths_of

MILESTONES = ("u_shaped", "w_shaped", "full_path")


def test_channelattribution_walks_are_not_cut_at_the_longest_path() -> None:
    """It ends its walks at the longest observed path, here of six: a conversion after 1, 3 or 5
    touches, 7/8 of all, so removing b costs 1 - (1/2) / (7/8) = 3/7 or 0.43. The chain goes on for
    ever and converts always: 1/2."""
    rows = [("a b a b b a", 1, 0), ("a b b a a", 1, 0), ("a a", 1, 0)]
    fit_, names = fitted("markov", rows)
    assert names == ["a", "b"]
    assert fit_.details["removal_effect"].tolist() == pytest.approx([1, 0.5], abs=1e-12)
    assert fit_.facts["conversion_rate"] == pytest.approx(1, abs=1e-12)
    drawn = fit_draws(*_counted(rows), parse_model("markov"))
    assert drawn.tolist() == [pytest.approx([2 / 3, 1 / 3], abs=1e-12)]


def _counted(rows: Sequence[Row]) -> tuple[Any, ...]:
    paths, _ = paths_of(rows)
    return paths, *(table[None, :] for table in (paths.conversions, paths.nulls, paths.values))


def test_mta_time_decay_is_not_linear() -> None:
    """Its "time decay" gives 1, 2, 3 of six to three touches a half-life apart; right is 1, 2, 4 of
    seven."""
    journeys = example_journeys([Example("", (("a", 14), ("b", 7), ("c", 0)), (), "")])
    weights = weigh(journeys, parse_model("time_decay"))
    assert allocate_journeys(np.array([4_200]), weights, journeys.offsets).tolist() == [
        600,
        1_200,
        2_400,
    ]


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        ("position_based", [5_000, 5_000]),
        ("j_shaped", [2_500, 7_500]),
        ("inverse_j", [7_500, 2_500]),
        ("u_shaped", [5_000, 5_000]),
        ("w_shaped", [3_333, 6_667]),
        ("full_path", [2_500, 7_500]),
    ],
)
def test_two_touches_share_all_of_the_value_by_position(model: str, parts: list[int]) -> None:
    """Position models elsewhere keep the middle's 20 % although there is no middle. Lead,
    opportunity and close are all on the second touch here: 30 to 60, and 22.5 to 67.5."""
    milestones = (("lead", 1.0), ("opportunity", 1.0)) if model in MILESTONES else ()
    journeys = example_journeys([Example("", (("a", 2), ("b", 1)), (), "", milestones=milestones)])
    weights = weigh(journeys, parse_model(model))
    assert allocate_journeys(np.array([10_000]), weights, journeys.offsets).tolist() == parts


def test_channels_behind_the_fourth_letter_keep_their_share() -> None:
    """MAM's default Shapley keeps the last four channels of the alphabet, the others get nothing."""
    names = "abcdefgh"
    for model in ("shapley", "shapley_rate"):
        credit = credit_of(model, [(name, 1, 1) for name in names])
        assert credit == pytest.approx(dict.fromkeys(names, 1.0), abs=1e-9)


def test_the_textbook_effect_is_one_half() -> None:
    """mta's "analytical" Markov gives 1.0 on the textbook case."""
    fit_, _ = fitted("markov", [("C1 C2 C3", 1, 0), ("C1", 0, 1), ("C2 C3", 0, 1)])
    assert fit_.details["removal_effect"].tolist() == pytest.approx([0.5, 1, 1], abs=1e-12)


@pytest.mark.parametrize("length", [6, 7, 9, 10, 11])
def test_parts_of_n_channels_add_up(length: int) -> None:
    """1/n in floats does not add up for these n; weights are proportions, split in whole units."""
    path = " ".join("abcdefghijk"[:length])
    paths, _ = paths_of([(path, 1, 0, 10_000)])
    weights = fit(paths, parse_model("shapley")).step_weights
    assert weights is not None
    steps = apply(paths.codes, paths.offsets, None, {})
    credit = inside(np.array([10_000]), weights, steps)
    assert credit.sum() == 10_000
    assert credit.max() - credit.min() == (1 if 10_000 % length else 0)


def test_fractribution_paths_that_become_one_keep_all_their_revenue() -> None:
    """Google's loses the revenue of paths that become one by a transform: a a b and a b here."""
    codes = np.array([0, 0, 1, 0, 1, 0], dtype=np.int32)
    steps = apply(codes, np.array([0, 3, 5, 6]), "exposure", {})
    paths, path_of = collect_paths(steps.codes, steps.offsets, 2)
    assert paths.path_count == 2
    won, lost = np.array([1, 1, 0]), np.array([1, 0, 4])
    counted = paths.counted(path_of, won, lost, np.array([30.0, 12.0, 0.0]))
    assert sorted(counted.values.tolist()) == [0, 42]
    found = fit(counted, parse_model("fractribution"))
    assert (credit_by_state(found, counted) * 42).sum() == pytest.approx(42, abs=1e-12)
    assert fit_draws(
        counted,
        *(table[None, :] for table in (counted.conversions, counted.nulls, counted.values)),
        parse_model("fractribution"),
    ).sum() == pytest.approx(1, abs=1e-12)


def test_two_runs_are_the_same_bytes() -> None:
    """ChannelAttribution moves 3 to 5 % of all credit between two runs."""
    rows = [("a b c", 3, 9), ("b a", 2, 7), ("c", 1, 4)]
    for order in (1, 2, 3):
        shares = [fitted(f"markov:order={order}", rows)[0].shares for _ in range(2)]
        assert shares[0] is not None
        assert shares[1] is not None
        assert shares[0].tobytes() == shares[1].tobytes()


def test_too_many_channels_are_refused_in_words() -> None:
    rows = [(f"c{number}", 1, 1) for number in range(2_001)]
    for model in ("markov", "markov:order=3", "shapley_rate"):
        paths, _ = paths_of(rows)
        with pytest.raises(Refusal) as refused:
            fit(paths, parse_model(model))
        assert refused.value.code == "too_many_states"


def test_a_collision_of_hashes_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from service.attribution import paths as module

    real = module._hashes
    monkeypatch.setattr(
        module,
        "_hashes",
        lambda codes, offsets, seed: (
            np.zeros(len(offsets) - 1, dtype=np.uint64) if seed == 0 else real(codes, offsets, seed)
        ),
    )
    paths, _ = paths_of([("a b", 1, 0), ("b a", 0, 1)])
    assert paths.path_count == 2
