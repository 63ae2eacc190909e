"""Which allocation a model needs: the one door from a question's model to the credit of touchpoints."""

import duckdb

from service.attribution.models import DEFINITIONS, ModelSpec
from service.reports.credited import Allocation
from service.reports.hazard import IncrementalAllocation
from service.reports.load import Loaded, load
from service.reports.population import ExcerptAllocation, PopulationAllocation
from service.reports.question import Question
from service.reports.wholes import LoadWhole


def allocation_of(
    mart: duckdb.DuckDBPyConnection,
    loaded: Loaded,
    question: Question,
    model: ModelSpec,
    load_whole: LoadWhole = load,
) -> Allocation:
    """The credit of the loaded touchpoints under the model.

    Args: load_whole: how an excerpt comes to all conversions of the question.
    """
    kind = DEFINITIONS[model.name].kind
    if kind == "hazard":
        return IncrementalAllocation(mart, loaded, question, model, load_whole)
    if kind != "population":
        return Allocation(loaded, question, model)
    if loaded.is_excerpt:
        return ExcerptAllocation(mart, loaded, question, model, load_whole)
    return PopulationAllocation(mart, loaded, question, model)
