"""The catalogue: every scenario tells its story, has a test of its name, and can be looked up."""

import re
from pathlib import Path

import pytest

from service.demo import SCENARIOS

HERE = Path(__file__).parent


def test_every_scenario_has_a_test_of_its_name() -> None:
    text = "".join(path.read_text() for path in sorted(HERE.glob("test_demo_*.py")))
    tested = set(re.findall(r"^def test_(\w+)\((?:seen|told)\)", text, re.MULTILINE))
    names = [scenario.name for scenario in SCENARIOS]
    assert len(set(names)) == len(names) >= 30
    assert set(names) - tested == set()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_is_told_in_one_sentence(scenario) -> None:
    for text in (scenario.story, scenario.proves):
        assert text.endswith(".")
        assert ". " not in text
        assert 30 <= len(text) <= 120
    assert 3 <= len(scenario.title) <= 50
    assert not scenario.title.endswith(".")


def test_every_object_of_the_catalogue_exists(seen) -> None:
    text = repr(seen.events) + repr(seen.lines)
    missing = [
        (scenario.name, name)
        for scenario in SCENARIOS
        for name in scenario.objects
        if repr(name) not in text
    ]
    assert missing == []
