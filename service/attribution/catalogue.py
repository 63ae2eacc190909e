"""The catalogue of models for people and programs: what each computes, from whom, with examples."""

from service.attribution.definitions import ModelDefinition, Preset
from service.attribution.examples import EXAMPLES, Example
from service.attribution.examples_panel import PANEL_EXAMPLES, PanelExample
from service.attribution.examples_population import POPULATION_EXAMPLES, PopulationExample
from service.attribution.examples_transforms import TRANSFORM_EXAMPLES
from service.attribution.models import DEFAULT_MODEL, DEFINITIONS
from service.attribution.parameters import Parameter, json_value
from service.attribution.presets import PRESETS
from service.kit.time import format_duration


def describe_models() -> list[dict[str, object]]:
    """Every model in the order of the registry, ready for JSON; shares are numbers, money minor."""
    return [_describe(definition) for definition in DEFINITIONS.values()]


def _describe(definition: ModelDefinition) -> dict[str, object]:
    return {
        "name": definition.name,
        "version": definition.version,
        "title": definition.title,
        "kind": definition.kind,
        "is_default": definition.name == DEFAULT_MODEL,
        "formula": definition.formula,
        "description": definition.description,
        "parameters": [_describe_parameter(item) for item in definition.parameters],
        "presets": [_describe_preset(item) for item in PRESETS if item.model == definition.name],
        "edge_cases": list(definition.edge_cases),
        "source": definition.source,
        "examples": [_describe_example(item) for item in examples_of(definition.name)],
        "population_examples": [
            _describe_population(item) for item in population_examples_of(definition.name)
        ],
        "panel_examples": [_describe_panel(item) for item in panel_examples_of(definition.name)],
    }


def examples_of(name: str) -> list[Example]:
    """The worked examples of a model, its presets and its parameters."""
    every = (*EXAMPLES, *TRANSFORM_EXAMPLES)
    return [item for item in every if item.model.partition(":")[0].partition("@")[0] == name]


def population_examples_of(name: str) -> list[PopulationExample]:
    """The worked examples of a model of the population."""
    return [item for item in POPULATION_EXAMPLES if item.model.partition(":")[0] == name]


def panel_examples_of(name: str) -> list[PanelExample]:
    """The worked examples of a model with a baseline."""
    return [item for item in PANEL_EXAMPLES if item.model.partition(":")[0] == name]


def _describe_parameter(parameter: Parameter) -> dict[str, object]:
    return {
        "name": parameter.name,
        "type": parameter.kind,
        "default": json_value(parameter.default),
        "choices": list(parameter.choices) or None,
        "meaning": parameter.meaning,
    }


def _describe_preset(preset: Preset) -> dict[str, object]:
    return {
        "name": preset.name,
        "vendor": preset.vendor,
        "parameters": dict(preset.parameters),
        "note": preset.note,
        "source": preset.source,
    }


def _describe_example(example: Example) -> dict[str, object]:
    return {
        "model": example.model,
        "touches": [{"channel": channel, "days_before": days} for channel, days in example.touches],
        "milestones": dict(example.milestones),
        "lookback": None if example.lookback is None else format_duration(example.lookback),
        "value": example.value,
        "credit": list(example.credit),
        "note": example.note,
    }


def _describe_population(example: PopulationExample) -> dict[str, object]:
    return {
        "model": example.model,
        "paths": [
            {"path": path.split(), "conversions": conversions, "nulls": nulls}
            for path, conversions, nulls in example.paths
        ],
        "credit": [{"channel": channel, "conversions": part} for channel, part in example.credit],
        "note": example.note,
    }


def _describe_panel(example: PanelExample) -> dict[str, object]:
    return {
        "model": example.model,
        "days": example.days,
        "people": [
            {"count": count, "touched_by": channel, "conversion_day": day}
            for count, channel, day in example.people
        ],
        "incremental": [
            {"channel": channel, "conversions": part} for channel, part in example.incremental
        ],
        "baseline": example.baseline,
        "note": example.note,
    }
