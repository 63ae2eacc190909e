"""Why a touchpoint of this journey has its credit under a model that is fitted on all journeys."""

from typing import Any

import duckdb
import numpy as np

from service.attribution.fitted import Fit
from service.attribution.models import DEFINITIONS, ModelSpec
from service.kit.money import count_to_number, to_number
from service.reports.credited import MILLION, counts
from service.reports.load import Loaded
from service.reports.population import ExcerptAllocation, Population, PopulationAllocation
from service.reports.question import Question

OVER = (
    "A model of the whole population: a state's share of the total is divided over the converting "
    "journeys that it took part in, by what each is worth, then equally over its touchpoints there. "
    "All credit adds up to the total; one conversion may carry more or less than its own value."
)
BY_POSITION = "by_position"
INSIDE = (
    "A model of the whole population: the weights come from all journeys with the same path, and "
    "divide this conversion's own value."
)


def explain_population(
    mart: duckdb.DuckDBPyConnection,
    question: Question,
    loaded: Loaded,
    model: ModelSpec,
    journey: dict[str, Any],
) -> dict[str, Any]:
    """What the model found of the journey's states, and how much of it this journey carries.

    Args: loaded: an excerpt of the one conversion; journey: as `journeys.one_journey` gives it.
    """
    excerpt = ExcerptAllocation(mart, loaded, question, model)
    place = int(excerpt.places()[0])
    whole = excerpt.whole
    population, found = whole.fitted(counts(whole.loaded))
    name = str(model)
    states = _states_of_conversion(population, place)
    return {
        **model.to_dict(),
        "formula": DEFINITIONS[model.name].formula,
        "rounding": "whole minor units; units left over go to the largest remainders",
        "population": {
            "note": OVER if found.shares is not None else INSIDE,
            "states": list(question.group_by),
            "converting_journeys": int(whole.has_credit.sum()),
            "other_journeys": len(population.null_path),
            **_plain(found),
        },
        "states": _of_states(whole, population, found, states, question),
        "touchpoints": [
            {
                "position": touchpoint["position"],
                "occurred_at": touchpoint["occurred_at"],
                "channel": touchpoint["channel"],
                "campaign": touchpoint["campaign"],
                "facts": touchpoint["facts"],
                "milestones": touchpoint["milestones"],
                "weight": None,
                "sum_of_weights": None,
                "share": touchpoint["credit"][name]["weight"],
                "value": touchpoint["credit"][name]["value"],
                "conversions": touchpoint["credit"][name]["conversions"],
            }
            for touchpoint in journey["touchpoints"]
        ],
    }


def _states_of_conversion(population: Population, place: int) -> list[int]:
    """The distinct states of the conversion's steps, in the order in which they come."""
    start, end = population.steps.offsets[place : place + 2]
    return list(dict.fromkeys(population.steps.codes[start:end].tolist()))


def _of_states(
    whole: PopulationAllocation,
    population: Population,
    found: Fit,
    states: list[int],
    question: Question,
) -> list[dict[str, Any]]:
    value, count = whole.value_credit(), whole.count_credit()
    touch_state = _touch_states(population)
    owner = whole.loaded.journeys.journey
    positions = _positions(found)
    details = {
        # The fit counts conversions in millionths.
        name: column / MILLION if name == "marginal" else column
        for name, column in found.details.items()
    }
    rows = []
    for state in states:
        mine = touch_state == state
        rows.append(
            {
                "state": [label or "" for label in population.labels[state]],
                "share": None if found.shares is None else round(float(found.shares[state]), 9),
                **{name: round(float(column[state]), 9) for name, column in details.items()},
                **({} if positions is None else {"positions": positions.get(state, [])}),
                "value": to_number(int(value[mine].sum()), question.currency),
                "conversions": count_to_number(int(count[mine].sum())),
                "journeys": len(np.unique(owner[mine])),
            }
        )
    return rows


def _touch_states(population: Population) -> Any:
    steps = population.steps
    kept = np.where(steps.step_of >= 0, steps.step_of, 0)
    if not len(steps.codes):
        return np.full(len(steps.step_of), -1)
    return np.where(steps.step_of >= 0, steps.codes[kept], -1)


def _positions(found: Fit) -> dict[int, list[dict[str, Any]]] | None:
    """By state, the conversions it has at each place of the path; None where the model has none."""
    cells = found.facts.get(BY_POSITION)
    if not isinstance(cells, list):
        return None
    positions: dict[int, list[dict[str, Any]]] = {}
    for state, place, worth in cells:
        cell = {"position": place, "conversions": round(worth / MILLION, 9)}
        positions.setdefault(state, []).append(cell)
    return positions


def _plain(found: Fit) -> dict[str, Any]:
    """What is known of the fit as a whole: what belongs to states stands there."""
    facts = {name: fact for name, fact in found.facts.items() if name != BY_POSITION}
    return {n: round(v, 9) if isinstance(v, float) else v for n, v in facts.items()}
