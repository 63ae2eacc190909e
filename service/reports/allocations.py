"""Which allocation a model needs: the one door from a question's model to the credit of touchpoints."""

import duckdb

from service.attribution.models import ModelSpec
from service.reports.credited import Allocation
from service.reports.load import Loaded
from service.reports.question import Question


def allocation_of(
    mart: duckdb.DuckDBPyConnection,  # noqa: ARG001
    loaded: Loaded,
    question: Question,
    model: ModelSpec,
) -> Allocation:
    """The credit of the loaded touchpoints under the model."""
    return Allocation(loaded, question, model)
