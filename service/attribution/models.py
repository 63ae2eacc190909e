"""The registry of models: from `time_decay:half_life=14d` to a typed specification and back.

Syntax: `name[@vendor][:parameter=value]*`; several models are separated by commas. One meaning has
one canonical text: parameters in the definition's order, those at their default left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from service.attribution.definitions import ModelDefinition, Preset
from service.attribution.fractribution import FRACTRIBUTION
from service.attribution.markov import MARKOV
from service.attribution.parameters import (
    Parameter,
    PartOfLookback,
    Value,
    format_value,
    json_value,
)
from service.attribution.presets import PRESETS
from service.attribution.rates import SHAPLEY_RATE
from service.attribution.rules import RULES
from service.attribution.shapley import SHAPLEY, SHAPLEY_ORDERED
from service.kit.errors import Refusal

DEFAULT_MODEL = "position_based"

POPULATION = (MARKOV, SHAPLEY, SHAPLEY_ORDERED, SHAPLEY_RATE, FRACTRIBUTION)

DEFINITIONS: Mapping[str, ModelDefinition] = {model.name: model for model in (*RULES, *POPULATION)}

_PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in PRESETS}


@dataclass(frozen=True)
class ModelSpec:
    """A model with every parameter settled; str() is its canonical text.

    Attributes:
        parameters: every parameter in the definition's order, also those at their default.
        preset: the vendor of `model@vendor`, or None.
        text: the canonical text.
    """

    name: str
    parameters: tuple[tuple[str, Value], ...]
    version: int
    preset: str | None
    text: str

    def __str__(self) -> str:
        return self.text

    def __getitem__(self, parameter: str) -> Value:
        return dict(self.parameters)[parameter]

    def resolve(self, lookback: timedelta | None) -> "ModelSpec":
        """The same model with durations such as lookback/4 settled for this lookback.

        Args:
            lookback: the question's; None means no limit.
        Raises:
            Refusal: `bad_parameter` where a part of an unlimited lookback is asked for.
        """
        settled = tuple(
            (name, value.of(lookback) if isinstance(value, PartOfLookback) else value)
            for name, value in self.parameters
        )
        return replace(self, parameters=settled)

    def to_dict(self) -> dict[str, object]:
        """What an answer says about its model, ready for JSON."""
        return {
            "model": self.text,
            "name": self.name,
            "preset": self.preset,
            "parameters": {name: json_value(value) for name, value in self.parameters},
            "version": self.version,
        }


def parse_models(text: str) -> tuple[ModelSpec, ...]:
    """Models of a comma-separated list, each once, in the order given; Refusals as parse_model."""
    return tuple(dict.fromkeys(parse_model(part) for part in text.split(",")))


def parse_model(text: str, definitions: Mapping[str, ModelDefinition] = DEFINITIONS) -> ModelSpec:
    """The specification of `name[@vendor][:parameter=value]*`.

    Raises:
        Refusal: `unknown_model` for a name or vendor's variant that does not exist;
            `bad_parameter` for a parameter the model does not have, given twice, or with a value
            that cannot be.
    """
    head, *pairs = text.strip().split(":")
    name, _, vendor = head.partition("@")
    definition = _definition(name, definitions)
    base: dict[str, Value] = {item.name: item.default for item in definition.parameters}
    if head != name:
        base |= _read_pairs(definition, _preset(head, name, vendor).parameters)
    given = _read_pairs(definition, [_split_pair(pair) for pair in pairs])
    values = base | given
    problem = definition.check(values) if definition.check else None
    if problem:
        raise Refusal("bad_parameter", "model", f"{text[:80]}: {problem}")
    ordered = _in_order(definition, values)
    changes = [f":{key}={format_value(value)}" for key, value in ordered if base.get(key) != value]
    return ModelSpec(name, ordered, definition.version, vendor or None, head + "".join(changes))


def _definition(name: str, definitions: Mapping[str, ModelDefinition]) -> ModelDefinition:
    definition = definitions.get(name)
    if definition is not None and definition.kind != "participation":
        return definition
    offered = ", ".join(item.name for item in definitions.values() if item.kind != "participation")
    reason = f"{name[:40]!r} is not a model"
    if definition is not None:
        reason = f"{name} adds up to more than the total; it is a field of answers, not a model"
    raise Refusal("unknown_model", "model", f"{reason}; choose from {offered}")


def _preset(head: str, name: str, vendor: str) -> Preset:
    preset = _PRESETS.get(head)
    if preset is None:
        offered = ", ".join(key for key, item in _PRESETS.items() if item.model == name) or "none"
        detail = f"{name} has no variant {vendor[:40]!r}; its variants: {offered}"
        raise Refusal("unknown_model", "model", detail)
    return preset


def _split_pair(pair: str) -> tuple[str, str]:
    key, separator, value = pair.partition("=")
    if not separator:
        raise Refusal(
            "bad_parameter", "model", f"{pair[:40]!r} is not a parameter; write name=value"
        )
    return key, value


def _read_pairs(
    definition: ModelDefinition, pairs: list[tuple[str, str]] | tuple[tuple[str, str], ...]
) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for key, text in pairs:
        if key in values:
            raise Refusal("bad_parameter", "model", f"{key} is given twice")
        values[key] = _parameter(definition, key).parse(text)
    return values


def _parameter(definition: ModelDefinition, key: str) -> Parameter:
    for parameter in definition.parameters:
        if parameter.name == key:
            return parameter
    extra = definition.open_parameter(key) if definition.open_parameter else None
    if extra is not None:
        return extra
    names = ", ".join(parameter.name for parameter in definition.parameters) or "none"
    detail = f"{definition.name} has no parameter {key[:40]!r}; its parameters: {names}"
    raise Refusal("bad_parameter", "model", detail)


def _in_order(
    definition: ModelDefinition, values: Mapping[str, Value]
) -> tuple[tuple[str, Value], ...]:
    """Declared parameters as declared, then open ones by position from the front, then the end."""
    declared = [parameter.name for parameter in definition.parameters]
    extra = sorted(set(values) - set(declared), key=lambda key: ("-" in key, len(key), key))
    # An open parameter set to none is one that was not given.
    kept = [key for key in extra if values[key] is not None]
    return tuple((key, values[key]) for key in (*declared, *kept))
