"""`/v1/conversions/{id}/explain`: the formula of each credit with the journey's own numbers."""

from typing import Any

import duckdb

from service.attribution.definitions import ModelDefinition
from service.attribution.models import DEFINITIONS, ModelSpec
from service.reports.allocations import allocation_of
from service.reports.explain_population import explain_population
from service.reports.journeys import find, one_journey
from service.reports.load import load
from service.reports.question import Question


def explain(
    mart: duckdb.DuckDBPyConnection, question: Question, conversion_id: str
) -> dict[str, Any]:
    """The journey with, per model, how every credit came about, and the facts it rests on.

    `weight ÷ sum_of_weights × value` is the exact share; the credit is that share in whole minor
    units, the units left over given to the largest remainders (ties to the earlier touchpoint).
    """
    journey = one_journey(mart, question, conversion_id)
    row = find(mart, conversion_id)
    loaded = load(mart, question, [row[4]], [row[0]])
    explained = []
    for model in question.models:
        weights = allocation_of(mart, loaded, question, model).weights
        if weights is None:
            explained.append(explain_population(mart, question, loaded, model, journey))
            continue
        explained.append(_of_model(model, DEFINITIONS[model.name], weights.tolist(), journey))
    return {
        "conversion": journey["conversion"],
        "models": explained,
        "milestones": journey["milestones"],
        "identifiers": journey["identifiers"],
        "unattributed_reason": journey["unattributed_reason"],
        "meta": journey["meta"],
    }


def _of_model(
    model: ModelSpec, definition: ModelDefinition, weights: list[int], journey: dict[str, Any]
) -> dict[str, Any]:
    total = sum(weights)
    name = str(model)
    steps = [
        {
            "position": touchpoint["position"],
            "occurred_at": touchpoint["occurred_at"],
            "channel": touchpoint["channel"],
            "campaign": touchpoint["campaign"],
            "facts": touchpoint["facts"],
            "milestones": touchpoint["milestones"],
            "weight": weight,
            "sum_of_weights": total,
            "share": round(weight / total, 9) if total else None,
            "value": touchpoint["credit"][name]["value"],
            "conversions": touchpoint["credit"][name]["conversions"],
        }
        for touchpoint, weight in zip(journey["touchpoints"], weights, strict=True)
    ]
    return {
        **model.to_dict(),
        "formula": definition.formula,
        "rounding": "share × value in whole minor units; units left over go to the largest "
        "remainders, ties to the earlier touchpoint",
        "touchpoints": steps,
    }
