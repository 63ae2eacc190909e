"""Faults of well-known packages that this one must not have, one test each."""

import numpy as np
import pytest

from service.attribution.models import parse_model
from service.attribution.population import fit
from service.kit.errors import Refusal
from tests.unit.attribution.populations import credit_of, fitted, paths_of


def test_walks_are_not_cut_at_the_longest_path() -> None:
    """ChannelAttribution ends its walks at the longest observed path. Here a walk a b a b … longer
    than any path still converts: the rate of the chain is that of the journeys, 2 of 3."""
    rows = [("a b", 1, 0), ("b a", 1, 0), ("a b a", 0, 1)]
    fit_, _ = fitted("markov", rows)
    assert fit_.facts["conversion_rate"] == pytest.approx(2 / 3, abs=1e-12)


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
    assert len(set(weights.tolist())) == 1


def test_journeys_of_one_path_keep_all_their_revenue() -> None:
    """Google's fractribution loses the revenue of paths that become one after a transform."""
    rows = [("a b", 1, 1, 30), ("a b", 1, 0, 12), ("a", 0, 4, 0)]
    paths, _ = paths_of(rows)
    assert paths.path_count == 2
    assert paths.values.sum() == 42
    assert sum(credit_of("fractribution", rows).values()) == pytest.approx(42, abs=1e-12)


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
