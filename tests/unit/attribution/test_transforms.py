"""Path transforms: the published rows, and where the credit of a step goes.

The rows are those of google/fractribution path_transforms.sql and of the unit tests of
snowplow/dbt-snowplow-fractribution (both Apache-2.0), with Direct as the channel to remove.
"""

import numpy as np
import pytest

from service.attribution.models import parse_model
from service.attribution.paths import offsets_of
from service.attribution.transforms import Steps, apply
from service.kit.errors import Refusal

REMOVED = ("remove_if_not_all(Direct)", "remove_if_last_and_not_all(Direct)")
ROWS = [
    ("E V D D", "D", "D D", "E1 V1 D2", "E V D", "E V D", "E V", "E V"),
    ("D D", "D", "D D", "D2", "D", "D", "D D", "D D"),
    ("a a a D a D D", "D", "D D", "a4 D3", "a D a D", "a D", "a a a a", "a a a D a"),
    ("D", "D", "D", "D1", "D", "D", "D", "D"),
    ("E V D", "D", "V D", "E1 V1 D1", "E V D", "E V D", "E V", "E V"),
]


def steps_of(path: str, transform: str | None, most: int | None = None) -> tuple[Steps, list[str]]:
    names = sorted(set(path.split()))
    codes = np.array([names.index(name) for name in path.split()], dtype=np.int32)
    code_of = {"Direct": names.index("D")} if "D" in names else {}
    steps = apply(codes, np.array([0, len(codes)]), transform, code_of, most)
    return steps, names


def shown(path: str, transform: str | None, most: int | None = None) -> str:
    steps, names = steps_of(path, transform, most)
    channels = [names[channel] for channel in steps.channel_of.take(steps.codes)]
    if transform == "frequency":
        held = np.bincount(steps.step_of, minlength=len(channels))
        channels = [f"{name}{count}" for name, count in zip(channels, held, strict=True)]
    return " ".join(channels)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_published_rows(row: tuple[str, ...]) -> None:
    path, one, two, frequency, exposure, first, not_all, last = row
    assert shown(path, None) == shown(path, "unique") == path
    assert (shown(path, None, 1), shown(path, None, 2)) == (one, two)
    assert shown(path, "frequency") == frequency
    assert shown(path, "exposure") == exposure
    assert shown(path, "first") == first
    assert [shown(path, transform) for transform in REMOVED] == [not_all, last]


def test_google_row_of_eight() -> None:
    path = "D A B B C D C C"
    assert shown(path, "frequency") == "D2 A1 B2 C3"
    assert shown(path, "exposure") == "D A B C D C"
    assert shown(path, "first") == "D A B C"


def test_a_run_is_shared_by_all_its_touches() -> None:
    steps, _ = steps_of("a a a D a", "exposure")
    assert steps.step_of.tolist() == [0, 0, 0, 1, 2]
    assert steps.moment_of.tolist() == [2, 3, 4]


def test_a_chain_of_transforms_remembers_every_touch() -> None:
    steps, _ = steps_of("a a D b D b", "exposure+remove_if_not_all(Direct)+exposure")
    assert steps.step_of.tolist() == [0, 0, -1, 1, -1, 1]
    assert steps.moment_of.tolist() == [1, 5]
    steps, _ = steps_of("a a D b", "exposure", 2)
    assert steps.step_of.tolist() == [-1, -1, 0, 1]


def test_frequencies_are_states_of_their_own() -> None:
    codes = np.array([0, 0, 1, 0, 1, 1], dtype=np.int32)
    steps = apply(codes, offsets_of(np.array([3, 0, 3])), "frequency", {})
    assert steps.offsets.tolist() == [0, 2, 2, 4]
    assert steps.codes.tolist() == [1, 2, 0, 3]
    assert steps.channel_of.tolist() == [0, 0, 1, 1]


def test_a_transform_is_written_one_way() -> None:
    model = "markov:transform=exposure+remove_if_not_all(direct):max_steps=5"
    assert str(parse_model(model)) == model
    assert str(parse_model(model.replace("+", " "))) == model
    assert str(parse_model("markov:transform=none:max_steps=none")) == "markov"


@pytest.mark.parametrize("text", ["", "shuffle", "exposure+", "remove_if_not_all", "first(a)"])
def test_what_is_no_transform_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="chain of transforms"):
        parse_model(f"markov:transform={text}")
