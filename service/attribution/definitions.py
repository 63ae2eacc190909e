"""What a model is, apart from its arithmetic: name, version, formula, parameters, source."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from service.attribution.parameters import Parameter, Value

Check = Callable[[Mapping[str, Value]], str | None]


@dataclass(frozen=True)
class ModelDefinition:
    """One model under one name for ever; a change of its numbers raises `version`.

    Attributes:
        kind: rule (credit from one journey alone, adding up to its value), population (fitted on
            all journeys) or participation (marks that add up to more than one; never in totals).
        formula: weights w of touches 1..n, oldest first, before normalisation.
        open_parameter: for names outside `parameters`, such as touch2: its Parameter or None.
        check: what is wrong with the values taken together, or None.
        source: who publishes the model under this definition.
        warnings: sentences without which no answer with the model is given.
    """

    name: str
    title: str
    formula: str
    description: str
    edge_cases: tuple[str, ...]
    source: str
    parameters: tuple[Parameter, ...] = ()
    version: int = 1
    kind: Literal["rule", "population", "participation"] = "rule"
    open_parameter: Callable[[str], Parameter | None] | None = None
    check: Check | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preset:
    """A vendor's variant of a model, asked for as `model@vendor`.

    Attributes:
        parameters: name and text of each parameter that differs from the model's default.
        note: what the vendor's page says, in one sentence.
        source: where the vendor says it.
    """

    model: str
    vendor: str
    parameters: tuple[tuple[str, str], ...]
    note: str
    source: str

    @property
    def name(self) -> str:
        return f"{self.model}@{self.vendor}"
