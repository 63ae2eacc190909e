"""`/v1/conversions/{id}/explain`: the formula of each credit with the journey's own numbers."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import duckdb

from service.attribution.models import DEFINITIONS, ModelSpec
from service.attribution.working import divided, sum_of
from service.kit.time import iso
from service.ledger.facts import ToldFact
from service.reports.credited import Allocation, counts
from service.reports.explain_population import explain_population
from service.reports.explain_words import Measure, over_touches
from service.reports.joined import Ways, facts_of, joined_dict
from service.reports.journeys import find, journey_of
from service.reports.load import load
from service.reports.question import Question
from service.reports.wholes import LoadWhole

Tell = Callable[[Iterable[int]], Mapping[int, ToldFact]]
MOST_FACTS = 100
"""Facts shown of a conversion's own object."""

_OWN_FACTS = """
SELECT seq FROM object_facts WHERE kind = ? AND object_id = ? ORDER BY occurred_at, seq LIMIT ?
"""


def explain(
    mart: duckdb.DuckDBPyConnection,
    question: Question,
    conversion_id: str,
    tell: Tell,
    load_whole: LoadWhole = load,
) -> dict[str, Any]:
    """The journey with, per model, how every credit came about, and the facts it rests on.

    `weight ÷ sum_of_weights ÷ shared_by × value` is the exact share; the credit is that share in
    whole minor units, the units left over given to the largest remainders (ties to the earlier
    touchpoint): first to the steps of the path, then to the touchpoints that share a step. Without
    a path transform every touchpoint is a step.

    Args: tell: who told the facts with these seqs, as `ledger.facts.facts_at`; load_whole: how
    models of all journeys come to all of them.
    """
    row = find(mart, conversion_id)
    journey, allocations = journey_of(mart, question, row, load_whole)
    kind, object_id = row[2:4]
    facts = mart.execute(_OWN_FACTS, [kind, object_id, MOST_FACTS]).fetchall()
    own = [seq for (seq,) in facts]
    touched = [seq for touchpoint in journey["touchpoints"] for seq in touchpoint["facts"]]
    ways = Ways(mart, kind, object_id, touched)
    linking = facts_of(ways, touched)
    told = tell([*own, *touched, *linking])
    links = {seq: _fact(seq, told) for seq in linking}
    return {
        "conversion": {**journey["conversion"], "facts": [_fact(seq, told) for seq in own]},
        "models": [
            _of_model(question, model, allocation, journey)
            if allocation.weights is not None
            else explain_population(question, model, allocation, journey)
            for model, allocation in zip(question.models, allocations, strict=True)
        ],
        "touchpoints": [
            {
                **{name: touchpoint[name] for name in _SHOWN},
                "fact": _fact(touchpoint["facts"][0], told),
                "joined": joined_dict(ways, touchpoint["facts"][0], links),
            }
            for touchpoint in journey["touchpoints"]
        ],
        "milestones": journey["milestones"],
        "identifiers": journey["identifiers"],
        "unattributed_reason": journey["unattributed_reason"],
        "meta": journey["meta"],
    }


_SHOWN = ("position", "occurred_at", "kind", "channel", "source", "medium", "campaign",
          "landing_page")  # fmt: skip


def _fact(seq: int, told: Mapping[int, ToldFact]) -> dict[str, Any]:
    """The fact as readers see it; one that was erased meanwhile keeps nothing but its seq."""
    fact = told.get(seq)
    return {
        "fact": seq,
        "source": fact.source if fact else None,
        "id": fact.fact_id if fact else None,
        "type": fact.type if fact else None,
        "occurred_at": iso(fact.occurred_at) if fact else None,
        "received_at": iso(fact.received_at) if fact else None,
    }


def _of_model(
    question: Question, model: ModelSpec, allocation: Allocation, journey: dict[str, Any]
) -> dict[str, Any]:
    name = str(model)
    touchpoints = [
        {
            "position": touchpoint["position"],
            "occurred_at": touchpoint["occurred_at"],
            "channel": touchpoint["channel"],
            "campaign": touchpoint["campaign"],
            "facts": touchpoint["facts"],
            "milestones": touchpoint["milestones"],
            **worked,
            **{
                said: touchpoint["credit"][name][said]
                for said in ("value", "conversions", "step", "dropped_by")
            },
        }
        for touchpoint, worked in zip(
            journey["touchpoints"], _worked(question, allocation), strict=True
        )
    ]
    return {
        **model.to_dict(),
        "formula": DEFINITIONS[model.name].formula,
        "rounding": "share × value in whole minor units; units left over go to the largest "
        "remainders, ties to the earlier touchpoint",
        "touchpoints": touchpoints,
    }


def _worked(question: Question, allocation: Allocation) -> list[dict[str, Any]]:
    """Of each touchpoint its weight, and how it was worked out; a touchpoint that the model's
    transforms left out has none."""
    weights = allocation.weights
    assert weights is not None
    whole, of_step = int(weights.total[0]), weights.of_step.tolist()
    workings = allocation.workings(question.lookback)
    total = sum_of(workings)
    measure, amounts = measured(question, allocation)
    credit = allocation.credit_of(amounts).tolist()
    places = allocation.places()
    by_step: dict[int, int] = {}
    for place, amount in zip(places, credit, strict=True):
        by_step[place.step or 0] = by_step.get(place.step or 0, 0) + amount
    found = []
    for place, weight, amount in zip(places, of_step, credit, strict=True):
        if place.step is None or place.shared_by is None:
            found.append(_left_out(place.dropped_by, whole))
            continue
        working, count = workings[place.step - 1], place.shared_by
        text = divided(working, total)
        if total and working.weight:
            share = working.weight / total
            text += f"; {measure.part(share, int(amounts[0]), by_step[place.step])}"
            text += over_touches(count) + (f" = {measure.bare(amount)}" if count > 1 else "")
        found.append(
            {
                "weight": weight,
                "sum_of_weights": whole,
                "shared_by": count,
                "share": round(weight / whole / count, 9) if whole else None,
                "worked": text,
            }
        )
    return found


def _left_out(transform: str | None, whole: int) -> dict[str, Any]:
    return {
        "weight": 0,
        "sum_of_weights": whole,
        "shared_by": None,
        "share": 0.0 if whole else None,
        "worked": f"left out by {transform}",
    }


def measured(question: Question, allocation: Allocation) -> tuple[Measure, Any]:
    """What the one conversion is worth, or itself where it is worth nothing; int64[1]."""
    value = allocation.loaded.value
    if value.any():
        return Measure(question.currency), value
    return Measure(None), counts(allocation.loaded)
