"""What fitting a model on a population gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.attribution.paths import Floats


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted model: shares of states or weights of steps, one of the two.

    Attributes:
        shares: float64[state_count] >= 0, each state's share of the total of the measure; they add
            up to 1, or are all zero where nothing converted. The caller spreads a share over the
            converting journeys that the state takes part in.
        step_weights: float64[s] >= 0, a weight for each step of each distinct path; the caller
            normalises them inside a conversion. All zero in a path: its last step.
        details: float64[state_count] by name, for explanations: `removal_effect`,
            `visits_per_journey`, `conversion_probability`, `marginal` (in units of the values).
        facts: scalars: `conversion_rate`, `iterations`, `sampling_error`; `by_position`, a list of
            (state, position from 1, value); and `warnings`, a list of sentences that every
            explanation of the model must show.
    """

    shares: Floats | None = None
    step_weights: Floats | None = None
    details: Mapping[str, Floats] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
