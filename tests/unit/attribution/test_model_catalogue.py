"""The catalogue: complete, in JSON, and every worked example comes out as printed."""

import json

import pytest

from service.attribution.catalogue import describe_models, examples_of
from service.attribution.distinct import participation
from service.attribution.examples import EXAMPLES, Example, example_journeys
from service.attribution.examples_transforms import TRANSFORM_EXAMPLES
from service.attribution.models import DEFINITIONS, parse_model
from service.attribution.presets import PRESETS
from tests.unit.attribution.conftest import credit_of_journeys

EVERY = (*EXAMPLES, *TRANSFORM_EXAMPLES)


@pytest.mark.parametrize(
    "example", EVERY, ids=[f"{item.model} n={len(item.touches)}" for item in EVERY]
)
def test_worked_example(example: Example) -> None:
    journeys = example_journeys([example])
    if example.model == "participation":
        assert tuple(participation(journeys).tolist()) == example.credit
        return
    assert str(parse_model(example.model)) == example.model
    names = sorted({channel for channel, _ in example.touches})
    credit = credit_of_journeys(journeys, names, example.model, [example.value], example.lookback)
    assert tuple(credit) == example.credit


def test_every_model_is_described_with_examples() -> None:
    catalogue = describe_models()
    assert [entry["name"] for entry in catalogue] == list(DEFINITIONS)
    assert [entry["name"] for entry in catalogue if entry["is_default"]] == ["position_based"]
    assert json.loads(json.dumps(catalogue)) == catalogue
    for entry in catalogue:
        for field in ("title", "formula", "description", "edge_cases", "source"):
            assert entry[field], (entry["name"], field)
        shown = {
            name for name in ("examples", "population_examples", "panel_examples") if entry[name]
        }
        kinds = {"population": "population_examples", "hazard": "panel_examples"}
        assert shown == {kinds.get(str(entry["kind"]), "examples")}


def test_every_parameter_says_what_it_means() -> None:
    for definition in DEFINITIONS.values():
        for parameter in definition.parameters:
            assert parameter.meaning
            assert (parameter.reader is not None) == (parameter.kind == "transform")
            assert bool(parameter.choices) == (parameter.kind == "choice")


def test_every_preset_stands_with_its_model() -> None:
    listed = [
        preset["name"]
        for entry in describe_models()
        for preset in entry["presets"]  # type: ignore[attr-defined]
    ]
    assert sorted(listed) == sorted(preset.name for preset in PRESETS)


def test_every_example_belongs_to_a_model() -> None:
    assert sum(len(examples_of(name)) for name in DEFINITIONS) == len(EVERY)
