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
    Codes,
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
class _Overall:
    """What all conversions are explained from: one measure of the whole population under the model.

    Attributes:
        total: all credit of the measure, whole units.
        by_state: int64[k], the credit of each state.
        journeys, worth: int64[k], the converting journeys that each state took part in, and what
            they are worth together, whatever its sign.
    """

    population: Population
    fit: Fit
    total: int
    by_state: Ints
    journeys: Ints
    worth: Ints

    @classmethod
    def of(cls, whole: PopulationAllocation, amounts: Ints, credit: Ints) -> "_Overall":
        population, fit = whole.fitted(amounts)
        steps, count = population.steps, population.paths.state_count
        states = _states(steps.codes, steps.step_of)
        seen = np.flatnonzero(states >= 0)
        pairs = np.sort(whole.loaded.journeys.journey[seen] * count + states[seen])
        journeys, state = np.divmod(pairs[np.diff(pairs, prepend=-1) > 0], max(count, 1))
        return cls(
            population,
            _in_conversions(fit),
            int(credit.sum()),
            exact_sums(states + 1, credit, count + 1)[1:],
            np.bincount(state, minlength=count),
            exact_sums(state, np.abs(amounts)[journeys], count),
        )


@dataclass(frozen=True, eq=False)
class _Found:
    """One measure under the model, and this journey's part of it.

    Attributes:
        place: the conversion's index in the whole.
        amount: what it is worth, whole units.
        codes: int32[t], the states of the journey's steps.
        step_of, credit: int64[m] of its touches, the step from 0, -1 where a touch was left out.
    """

    overall: _Overall
    measure: Measure
    place: int
    amount: int
    codes: Codes
    step_of: Ints
    credit: Ints

    @classmethod
    def of(
        cls, whole: PopulationAllocation, measure: Measure, place: int, amounts: Ints
    ) -> "_Found":
        name = "conversions" if measure.currency is None else "value"
        credit = whole.count_credit() if measure.currency is None else whole.value_credit()
        overall = whole.kept(f"{name} explained", lambda: _Overall.of(whole, amounts, credit))
        steps = overall.population.steps
        touches = slice(*whole.loaded.journeys.offsets[place : place + 2].tolist())
        first, end = steps.offsets[place : place + 2].tolist()
        step_of = np.maximum(steps.step_of[touches] - first, -1)
        codes, amount = steps.codes[first:end], int(amounts[place])
        return cls(overall, measure, place, amount, codes, step_of, credit[touches])

    @property
    def fit(self) -> Fit:
        return self.overall.fit

    @cached_property
    def states(self) -> Ints:
        """int64[m], the state of each touch of the journey; -1 where it was left out."""
        return _states(self.codes, self.step_of)

    def carried(self, state: int) -> int:
        """What this journey carries of the state's credit."""
        return int(self.credit[self.states == state].sum())

    def labels(self, state: int) -> tuple[str | None, ...]:
        """What names the state; a frequency of it is a state of its own with the same labels."""
        population = self.overall.population
        return population.labels[int(population.steps.channel_of[state])]

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
            "other_journeys": len(counted.overall.population.null_path),
            **_plain(counted.fit),
        },
        "states": [
            _of_state(state, counted, valued, model, question.currency)
            for state in dict.fromkeys(counted.codes.tolist())
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


def _of_state(
    state: int, counted: _Found, valued: _Found | None, model: ModelSpec, currency: str
) -> dict[str, Any]:
    value, carried = 0, 0
    details = dict(counted.fit.details)
    if valued is not None:
        of_value = valued.fit.details
        details |= {name: of_value[name] for name in of_value if name.startswith("value_")}
        value, carried = int(valued.overall.by_state[state]), valued.carried(state)
    shares, positions = counted.fit.shares, _positions(counted.fit)
    return {
        "state": [label or "" for label in counted.labels(state)],
        "share": None if shares is None else round(float(shares[state]), 9),
        **{n: round(float(column[state]), 9) for n, column in details.items()},
        **({} if positions is None else {"positions": positions.get(state, [])}),
        "value": to_number(value, currency),
        "conversions": count_to_number(int(counted.overall.by_state[state])),
        "journeys": int(counted.overall.journeys[state]),
        "carried_value": to_number(carried, currency),
        "carried_conversions": count_to_number(counted.carried(state)),
        "worked_value": None if valued is None else work_state(valued.fit, state, model),
        "worked_conversions": work_state(counted.fit, state, model),
    }


def _worked(found: _Found) -> list[str]:
    """Of each touch of the journey, from what the model found to its credit."""
    step_of, texts = found.step_of.tolist(), []
    for step, state, amount in zip(
        step_of, found.states.tolist(), found.credit.tolist(), strict=True
    ):
        if step < 0:
            texts.append(LEFT_OUT)
            continue
        text = _inside(found, step) if found.fit.shares is None else _over(found, state)
        spread = over_touches(step_of.count(step))
        if spread or amount != found.carried(state) or found.fit.shares is None:
            spread += f" = {found.measure.bare(amount)}"
        texts.append(text + spread)
    return texts


def _over(found: _Found, state: int) -> str:
    """The state's share of everything, this journey's part of that, and the steps it goes to."""
    assert found.fit.shares is not None
    said, overall = found.measure.said, found.overall
    journeys, all_worth = int(overall.journeys[state]), int(overall.worth[state])
    visits = int((found.codes == state).sum())
    with_it = f"{journeys} converting journey{'s' if journeys > 1 else ''} with it"
    part = (
        f"{said(abs(found.amount))} of the {said(all_worth)} of {with_it}"
        if all_worth
        else f"1 of {with_it}"
    )
    text = (
        f"{found.label(state)}: {number(float(found.fit.shares[state]))} of all {said(overall.total)} = "
        f"{found.measure.bare(int(overall.by_state[state]))}; this journey is {part} and carries "
        f"{found.measure.bare(found.carried(state))}"
    )
    return text + (f"; divided equally over its {visits} steps" if visits > 1 else "")


def _inside(found: _Found, step: int) -> str:
    """The weight of a step among those of its path, times what the conversion is worth."""
    weights = weights_of_steps(found.fit, found.overall.population, found.place)
    total = float(weights.sum())
    whole = found.measure.said(found.amount)
    if total <= 0:
        return f"no step of the path has a weight, so all to its last step; of {whole}"
    weight = float(weights[step])
    return (
        f"weight {number(weight)}; divided by the path's sum {number(total)} = "
        f"{number(weight / total)} of {whole}"
    )


def _states(codes: Codes, step_of: Ints) -> Ints:
    """int64[m], the state of each touch by its step; -1 where it was left out."""
    return np.append(codes, -1).astype(np.int64)[step_of]


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
