"""Which allocation a model needs: the one door from a question's model to the credit of touchpoints."""

import duckdb

from service.attribution.models import DEFINITIONS, ModelSpec
from service.kit.errors import Refusal
from service.reports.credited import Allocation
from service.reports.load import Loaded
from service.reports.question import Question


def allocation_of(
    mart: duckdb.DuckDBPyConnection,  # noqa: ARG001
    loaded: Loaded,
    question: Question,
    model: ModelSpec,
) -> Allocation:
    """The credit of the loaded touchpoints under the model.

    Raises:
        Refusal: `bad_parameter` for a model of the whole population.
    """
    if DEFINITIONS[model.name].kind == "population":
        raise Refusal("bad_parameter", "model", f"{model.name} cannot be asked of reports yet")
    return Allocation(loaded, question, model)
