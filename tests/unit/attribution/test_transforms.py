"""Path transforms: which steps a path has after each, and which touches a step stands for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.attribution.models import parse_model
from service.attribution.paths import offsets_of
from service.attribution.stepped import Place, places, transformed
from service.attribution.transforms import Channels, Steps, first_touches

NAMES = ("a", "b", "c")


def columns(*paths: str) -> tuple[np.ndarray, np.ndarray, Channels]:
    """Codes, offsets and channels of journeys such as "a a b"."""
    touches = [path.split() for path in paths]
    codes = np.array([NAMES.index(name) for path in touches for name in path], dtype=np.int32)
    offsets = offsets_of(np.array([len(path) for path in touches], dtype=np.int64))
    return codes, offsets, Channels(codes, NAMES)


def steps_of(asked: str, *paths: str) -> Steps:
    codes, offsets, channels = columns(*paths)
    return transformed(codes, offsets, channels, parse_model(f"linear:{asked}"))


def as_text(steps: Steps) -> list[str]:
    """Each journey's steps as channels."""
    names = [NAMES[code] for code in steps.channel_of.take(steps.codes).tolist()]
    pairs = zip(steps.offsets[:-1].tolist(), steps.offsets[1:].tolist(), strict=True)
    return [" ".join(names[start:end]) for start, end in pairs]


@pytest.mark.parametrize(
    ("asked", "path", "steps", "of_touch", "moments"),
    [
        ("transform=unique", "a a b a", "a a b a", [0, 1, 2, 3], [0, 1, 2, 3]),
        ("transform=exposure", "a a b b b a", "a b a", [0, 0, 1, 1, 1, 2], [1, 4, 5]),
        ("transform=first", "a a b a c b", "a b c", [0, -1, 1, -1, 2, -1], [0, 2, 4]),
        ("transform=frequency", "a b a c a", "a b c", [0, 1, 0, 2, 0], [0, 1, 3]),
        ("transform=remove_if_not_all(a)", "a b a c a", "b c", [-1, 0, -1, 1, -1], [1, 3]),
        ("transform=remove_if_not_all(a)", "a a", "a a", [0, 1], [0, 1]),
        ("transform=remove_if_not_all(nobody)", "a b", "a b", [0, 1], [0, 1]),
        ("transform=remove_if_last_and_not_all(a)", "a b a a", "a b", [0, 1, -1, -1], [0, 1]),
        ("transform=remove_if_last_and_not_all(a)", "a b", "a b", [0, 1], [0, 1]),
        ("transform=remove_if_last_and_not_all(a)", "a a", "a a", [0, 1], [0, 1]),
        ("max_steps=2", "a b c", "b c", [-1, 0, 1], [1, 2]),
        ("max_steps=9", "a b c", "a b c", [0, 1, 2], [0, 1, 2]),
        ("transform=exposure:max_steps=2", "a a b c c", "b c", [-1, -1, 0, 1, 1], [2, 4]),
        ("transform=remove_if_not_all(b)+exposure", "a b a c", "a c", [0, -1, 0, 1], [2, 3]),
        ("transform=exposure+remove_if_not_all(b)", "a b a c", "a a c", [0, -1, 1, 2], [0, 2, 3]),
        ("transform=exposure+frequency", "a a b a", "a b", [0, 0, 1, 0], [1, 2]),
        ("transform=frequency+remove_if_not_all(a)", "a b a", "b", [-1, 0, -1], [1]),
        ("transform=exposure", "", "", [], []),
    ],
)
def test_steps(asked: str, path: str, steps: str, of_touch: list[int], moments: list[int]) -> None:
    found = steps_of(asked, path)
    assert as_text(found) == [steps]
    assert found.step_of.tolist() == of_touch
    assert found.moment_of.tolist() == moments


def test_frequency_tells_apart_how_often() -> None:
    found = steps_of("transform=frequency", "a a b", "a b", "b a a")
    assert as_text(found) == ["a b", "a b", "b a"]
    twice_a, once_b, once_a = found.codes[[0, 1, 2]].tolist()
    assert found.codes.tolist() == [twice_a, once_b, once_a, once_b, once_b, twice_a]
    assert len({twice_a, once_b, once_a}) == 3


def test_journeys_do_not_run_into_each_other() -> None:
    found = steps_of("transform=exposure", "a", "a a", "", "a b")
    assert as_text(found) == ["a", "a", "", "a b"]
    assert first_touches(found).tolist() == [0, 1, 3, 4]


def test_a_channel_is_the_touchs_whatever_the_states() -> None:
    """States may be campaigns: two of the channel a, one of b. A run's channel is its last touch's."""
    codes, offsets = np.array([0, 1, 2, 2], np.int32), np.array([0, 4])
    channels = Channels(np.array([0, 0, 0, 1], np.int32), NAMES)
    without = transformed(
        codes, offsets, channels, parse_model("markov:transform=remove_if_not_all(a)")
    )
    assert without.step_of.tolist() == [-1, -1, -1, 0]
    runs = parse_model("markov:transform=exposure+remove_if_not_all(a)")
    assert transformed(codes, offsets, channels, runs).step_of.tolist() == [-1, -1, 0, 0]


def test_the_place_of_a_touch_says_what_dropped_it() -> None:
    model = parse_model("linear:transform=remove_if_not_all(c)+exposure+first:max_steps=1")
    found = places(*columns("a a c b b a", "c"), model)
    assert found == [
        Place(None, None, "max_steps=1"),
        Place(None, None, "max_steps=1"),
        Place(None, None, "remove_if_not_all(c)"),
        Place(1, 2, None),
        Place(1, 2, None),
        Place(None, None, "first"),
        Place(1, 1, None),
    ]


def test_without_a_transform_every_touch_is_a_step() -> None:
    found = places(*columns("a a", "b"), parse_model("linear"))
    assert found == [Place(1, 1, None), Place(2, 1, None), Place(1, 1, None)]


paths = st.lists(st.sampled_from(NAMES), max_size=6).map(" ".join)
parts = st.sampled_from(
    [
        "unique",
        "exposure",
        "first",
        "frequency",
        "remove_if_not_all(a)",
        "remove_if_last_and_not_all(b)",
    ]
)
chains = st.lists(parts, min_size=1, max_size=3)


@given(st.lists(paths, max_size=5), chains, st.none() | st.integers(1, 4))
def test_steps_hold_together(journeys: list[str], chain: list[str], most: int | None) -> None:
    """Every journey with touches keeps a step, every step has touches of its own journey and
    channel, steps stand in the order of their first touches and of their moments."""
    codes, offsets, channels = columns(*journeys)
    asked = f"linear:transform={'+'.join(chain)}:max_steps={most or 'none'}"
    found = transformed(codes, offsets, channels, parse_model(asked))
    assert ((np.diff(offsets) > 0) == (np.diff(found.offsets) > 0)).all()
    assert most is None or np.diff(found.offsets).max(initial=0) <= most
    kept = found.step_of >= 0
    assert set(found.step_of[kept].tolist()) == set(range(len(found.codes)))
    journey_of_touch = np.repeat(np.arange(len(journeys)), np.diff(offsets))
    journey_of_step = np.repeat(np.arange(len(journeys)), np.diff(found.offsets))
    of_kept = found.step_of[kept]
    assert (journey_of_touch[kept] == journey_of_step[of_kept]).all()
    assert (found.channel_of[found.codes[of_kept]] == codes[kept]).all()
    assert (np.diff(found.moment_of) > 0).all()
    assert (np.diff(first_touches(found)) > 0).all()
    assert (found.step_of[found.moment_of] == np.arange(len(found.codes))).all()


@given(st.lists(paths, max_size=5), parts)
def test_once_more_changes_nothing(journeys: list[str], part: str) -> None:
    """The states of `frequency` aside: what was met three times is then met once, as that state."""
    once = steps_of(f"transform={part}", *journeys)
    twice = steps_of(f"transform={part}+{part}", *journeys)
    assert twice.offsets.tolist() == once.offsets.tolist()
    assert twice.step_of.tolist() == once.step_of.tolist()
    assert twice.moment_of.tolist() == once.moment_of.tolist()
    if part != "frequency":
        assert twice.codes.tolist() == once.codes.tolist()
