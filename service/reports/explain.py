"""`/v1/conversions/{id}/explain`: the formula of each credit with the journey's own numbers."""

from typing import Any

import duckdb

from service.attribution.definitions import ModelDefinition
from service.attribution.models import DEFINITIONS, ModelSpec
from service.attribution.stepped import Weights
from service.reports.allocations import allocation_of
from service.reports.explain_population import explain_population
from service.reports.journeys import find, one_journey
from service.reports.load import load
from service.reports.question import Question


def explain(
    mart: duckdb.DuckDBPyConnection, question: Question, conversion_id: str
) -> dict[str, Any]:
    """The journey with, per model, how every credit came about, and the facts it rests on.

    `weight ÷ sum_of_weights ÷ shared_by × value` is the exact share; the credit is that share in
    whole minor units, the units left over given to the largest remainders (ties to the earlier
    touchpoint): first to the steps of the path, then to the touchpoints that share a step. Without
    a path transform every touchpoint is a step.
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
        explained.append(_of_model(model, DEFINITIONS[model.name], weights, journey))
    return {
        "conversion": journey["conversion"],
        "models": explained,
        "milestones": journey["milestones"],
        "identifiers": journey["identifiers"],
        "unattributed_reason": journey["unattributed_reason"],
        "meta": journey["meta"],
    }


def _of_model(
    model: ModelSpec, definition: ModelDefinition, weights: Weights, journey: dict[str, Any]
) -> dict[str, Any]:
    total = int(weights.total[0])
    name = str(model)
    touchpoints = [
        {
            "position": touchpoint["position"],
            "occurred_at": touchpoint["occurred_at"],
            "channel": touchpoint["channel"],
            "campaign": touchpoint["campaign"],
            "facts": touchpoint["facts"],
            "milestones": touchpoint["milestones"],
            "weight": weight,
            "sum_of_weights": total,
            "shared_by": shared or None,
            "share": round(weight / total / (shared or 1), 9) if total else None,
            **{
                said: touchpoint["credit"][name][said]
                for said in ("value", "conversions", "step", "dropped_by")
            },
        }
        for touchpoint, weight, shared in zip(
            journey["touchpoints"],
            weights.of_step.tolist(),
            weights.shared_by.tolist(),
            strict=True,
        )
    ]
    return {
        **model.to_dict(),
        "formula": definition.formula,
        "rounding": "share × value in whole minor units; units left over go to the largest "
        "remainders, ties to the earlier touchpoint",
        "touchpoints": touchpoints,
    }
