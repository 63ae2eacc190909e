"""Why a touchpoint of this journey has its credit under a model that is fitted on all journeys."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.attribution.fitted import Fit
from service.attribution.models import DEFINITIONS, ModelSpec
from service.attribution.population import work_state
from service.attribution.working import number
from service.kit.money import count_to_number, to_number
from service.reports.credited import MILLION, Allocation, counts, exact_sums
from service.reports.explain_words import Measure, over_touches
from service.reports.population import (
    ExcerptAllocation,
    Population,
    PopulationAllocation,
    weights_of_steps,
)
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
LEFT_OUT = "left out by the model's transforms"
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Found:
    """One measure of the whole population under the model, and where this journey lies in it.

    Attributes:
        place: the conversion's index in the whole.
        amounts, credit: int64[n] and int64[m] of the measure, whole units.
        touch_state: int64[m], -1 where a touch was left out.
    """

    whole: PopulationAllocation
    population: Population
    fit: Fit
    measure: Measure
    place: int
    amounts: Ints
    credit: Ints
    touch_state: Ints

    @classmethod
    def of(
        cls, whole: PopulationAllocation, measure: Measure, place: int, amounts: Ints
    ) -> "_Found":
        population, fit = whole.fitted(amounts)
        credit = whole.count_credit() if measure.currency is None else whole.value_credit()
        states = _touch_states(population)
        return cls(whole, population, _in_conversions(fit), measure, place, amounts, credit, states)

    @property
    def touches(self) -> slice:
        """The journey's touches in the whole."""
        start, end = self.whole.loaded.journeys.offsets[self.place : self.place + 2]
        return slice(int(start), int(end))

    def journeys_of(self, state: int) -> Ints:
        """The converting journeys that the state took part in, each once, ascending."""
        if state not in self._journeys:
            owner = self.whole.loaded.journeys.journey[self.touch_state == state]
            self._journeys[state] = owner[np.diff(owner, prepend=-1) > 0]
        return self._journeys[state]

    @cached_property
    def _journeys(self) -> dict[int, Ints]:
        return {}

    @cached_property
    def by_state(self) -> Ints:
        """int64[k], the credit of each state."""
        count = int(self.touch_state.max(initial=-1)) + 1
        return exact_sums(self.touch_state + 1, self.credit, count + 1)[1:]

    def carried(self, state: int) -> int:
        """What this journey carries of the state's credit."""
        mine = self.touches
        return int(self.credit[mine][self.touch_state[mine] == state].sum())

    def labels(self, state: int) -> tuple[str | None, ...]:
        """What names the state; a frequency of it is a state of its own with the same labels."""
        return self.population.labels[int(self.population.steps.channel_of[state])]

    def label(self, state: int) -> str:
        return ", ".join(label or "none" for label in self.labels(state))


def explain_population(
    question: Question, model: ModelSpec, allocation: Allocation, journey: dict[str, Any]
) -> dict[str, Any]:
    """What the model found of the journey's states, and how much of it this journey carries.

    Args: allocation: that of an excerpt of the one conversion; journey: as `journeys.one_journey`
    gives it.
    """
    assert isinstance(allocation, ExcerptAllocation)
    place, whole = int(allocation.in_whole()[0]), allocation.whole
    counted = _Found.of(whole, Measure(None), place, counts(whole.loaded))
    valued = None
    if whole.loaded.value.any():
        valued = _Found.of(whole, Measure(question.currency), place, whole.loaded.value)
    # A conversion that is worth nothing is explained by its count.
    shown = valued if valued is not None and whole.loaded.value[place] else counted
    name = str(model)
    return {
        **model.to_dict(),
        "formula": DEFINITIONS[model.name].formula,
        "rounding": "whole minor units; units left over go to the largest remainders",
        "population": {
            "note": OVER if counted.fit.shares is not None else INSIDE,
            "states": list(question.group_by),
            "converting_journeys": int(whole.has_credit.sum()),
            "other_journeys": len(counted.population.null_path),
            **_plain(counted.fit),
        },
        "states": [
            _of_state(state, counted, valued, model, question.currency)
            for state in _states_of_conversion(counted.population, place)
        ],
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
                "shared_by": went.shared_by,
                "share": touchpoint["credit"][name]["weight"],
                "worked": worked,
                **{
                    said: touchpoint["credit"][name][said]
                    for said in ("value", "conversions", "step", "dropped_by")
                },
            }
            for touchpoint, went, worked in zip(
                journey["touchpoints"], allocation.places(), _worked(shown), strict=True
            )
        ],
    }


def _in_conversions(fit: Fit) -> Fit:
    """The fit with marginals in conversions: it counts them in millionths."""
    marginal = fit.details.get("marginal")
    if marginal is None:
        return fit
    return replace(fit, details={**fit.details, "marginal": marginal / MILLION})


def _states_of_conversion(population: Population, place: int) -> list[int]:
    """The distinct states of the conversion's steps, in the order in which they come."""
    start, end = population.steps.offsets[place : place + 2]
    return list(dict.fromkeys(population.steps.codes[start:end].tolist()))


def _of_state(
    state: int, counted: _Found, valued: _Found | None, model: ModelSpec, currency: str
) -> dict[str, Any]:
    value, carried = 0, 0
    details = dict(counted.fit.details)
    if valued is not None:
        of_value = valued.fit.details
        details |= {name: of_value[name] for name in of_value if name.startswith("value_")}
        value, carried = int(valued.by_state[state]), valued.carried(state)
    shares, positions = counted.fit.shares, _positions(counted.fit)
    return {
        "state": [label or "" for label in counted.labels(state)],
        "share": None if shares is None else round(float(shares[state]), 9),
        **{n: round(float(column[state]), 9) for n, column in details.items()},
        **({} if positions is None else {"positions": positions.get(state, [])}),
        "value": to_number(value, currency),
        "conversions": count_to_number(int(counted.by_state[state])),
        "journeys": len(counted.journeys_of(state)),
        "carried_value": to_number(carried, currency),
        "carried_conversions": count_to_number(counted.carried(state)),
        "worked_value": None if valued is None else work_state(valued.fit, state, model),
        "worked_conversions": work_state(counted.fit, state, model),
    }


def _worked(found: _Found) -> list[str]:
    """Of each touch of the journey, from what the model found to its credit."""
    steps, first = found.population.steps, int(found.population.steps.offsets[found.place])
    step_of = steps.step_of[found.touches].tolist()
    credit = found.credit[found.touches].tolist()
    states = found.touch_state[found.touches].tolist()
    texts = []
    for step, state, amount in zip(step_of, states, credit, strict=True):
        if step < 0:
            texts.append(LEFT_OUT)
            continue
        text = _inside(found, step - first) if found.fit.shares is None else _over(found, state)
        spread = over_touches(step_of.count(step))
        if spread or amount != found.carried(state) or found.fit.shares is None:
            spread += f" = {found.measure.bare(amount)}"
        texts.append(text + spread)
    return texts


def _over(found: _Found, state: int) -> str:
    """The state's share of everything, this journey's part of that, and the steps it goes to."""
    assert found.fit.shares is not None
    said = found.measure.said
    journeys = found.journeys_of(state)
    steps = found.population.steps
    start, end = steps.offsets[found.place : found.place + 2]
    visits = int((steps.codes[start:end] == state).sum())
    whole = int(found.credit.sum())
    state_credit = int(found.by_state[state])
    worth, all_worth = (
        abs(int(found.amounts[found.place])),
        int(np.abs(found.amounts[journeys]).sum()),
    )
    with_it = f"{len(journeys)} converting journey{'s' if len(journeys) > 1 else ''} with it"
    part = (
        f"{said(worth)} of the {said(all_worth)} of {with_it}" if all_worth else f"1 of {with_it}"
    )
    text = (
        f"{found.label(state)}: {number(float(found.fit.shares[state]))} of all {said(whole)} = "
        f"{found.measure.bare(state_credit)}; this journey is {part} and carries "
        f"{found.measure.bare(found.carried(state))}"
    )
    return text + (f"; divided equally over its {visits} steps" if visits > 1 else "")


def _inside(found: _Found, step: int) -> str:
    """The weight of a step among those of its path, times what the conversion is worth."""
    weights = weights_of_steps(found.fit, found.population, found.place)
    total = float(weights.sum())
    whole = found.measure.said(int(found.amounts[found.place]))
    if total <= 0:
        return f"no step of the path has a weight, so all to its last step; of {whole}"
    weight = float(weights[step])
    return (
        f"weight {number(weight)}; divided by the path's sum {number(total)} = "
        f"{number(weight / total)} of {whole}"
    )


def _touch_states(population: Population) -> Ints:
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
