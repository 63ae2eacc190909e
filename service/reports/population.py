"""Models that are fitted on all journeys of a question: converting ones and the others.

States are the question's groupings (times aside), so a question by campaign is a chain of
campaigns. A non-converting journey is what a person without such a conversion touched within the
period, once per person (by scope `account`: once per account).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import duckdb
import numpy as np
from numpy.typing import NDArray

from service.attribution.fitted import Fit
from service.attribution.models import ModelSpec
from service.attribution.paths import Paths, collect_paths
from service.attribution.spread import inside, over, sharing
from service.attribution.stepped import transformed
from service.attribution.transforms import Channels, Steps
from service.kit.duck import fetch_columns
from service.kit.errors import Refusal
from service.reports.applied import excluded_dimensions
from service.reports.credited import Allocation, counts
from service.reports.fits import remembered_fit
from service.reports.groups import Groups, Label
from service.reports.load import FOREVER, Loaded, dimension_columns, lookback_micros
from service.reports.once import once
from service.reports.question import TIMES, Question
from service.reports.wholes import LoadWhole

Ints = NDArray[np.int64]
Codes = NDArray[np.int32]
T = TypeVar("T")

_UNITS = {
    "person": "t.person_id",
    "account": "COALESCE(a.account_key, CAST(t.person_id AS VARCHAR))",
}
ACCOUNTS = (
    "SELECT person_id, MIN(account_key) AS account_key FROM person_accounts GROUP BY person_id"
)
_COMPANIES = {
    "person": "",
    # A deal may name a company and nobody of it, or another company than its people's.
    "account": (
        "UNION ALL SELECT account_key FROM conversions WHERE stage = $stage "
        "AND occurred_at >= $start AND occurred_at < $last AND account_key IS NOT NULL"
    ),
}
_NULLS = """
WITH accounts AS ({accounts}), converted AS (
    SELECT DISTINCT {unit} AS unit
    FROM conversions AS c
    JOIN conversion_people AS t ON t.conversion_key = c.conversion_key
    LEFT JOIN accounts AS a ON a.person_id = t.person_id
    WHERE c.stage = $stage AND c.occurred_at >= $start AND c.occurred_at < $last
    {companies}
)
SELECT DENSE_RANK() OVER (ORDER BY first_at, unit) - 1 AS journey, person_id, dimension_id, page_id,
    occurred_at
FROM (
    SELECT touched.*, people.public_id, MIN(occurred_at) OVER (PARTITION BY unit) AS first_at
    FROM (
        SELECT {unit} AS unit, t.person_id, t.dimension_id, COALESCE(t.page_id, 0) AS page_id, t.occurred_at, t.tie
        FROM touchpoints AS t
        LEFT JOIN accounts AS a ON a.person_id = t.person_id
        WHERE t.occurred_at >= $start AND t.occurred_at < $end
            AND NOT LIST_CONTAINS(CAST($excluded AS INTEGER[]), t.dimension_id)
    ) AS touched
    JOIN people ON people.person_id = touched.person_id
    WHERE unit NOT IN (SELECT unit FROM converted)
) AS touched
ORDER BY journey, occurred_at, tie, public_id
"""


@dataclass(frozen=True, eq=False)
class Population:
    """Every journey that a model of one stage is fitted on, after its transforms.

    `steps` are the loaded conversions' (all stages); `paths` the distinct paths without counts,
    `path_of` the path of each loaded conversion. `null_path` is the path of each journey without a
    conversion, `null_person` the person of it (one of them, where it is an account's).
    """

    steps: Steps
    paths: Paths
    path_of: Ints
    null_path: Ints
    null_person: Ints
    labels: list[tuple[Label, ...]]

    def counted(
        self, converting: NDArray[np.bool_], others: NDArray[np.bool_], amounts: Ints
    ) -> Paths:
        """The paths with the converting journeys among the loaded, and what they are worth; others
        of the loaded are counted beside those without a conversion."""
        count = self.paths.path_count
        paths = self.path_of[converting]
        nulls = np.concatenate((self.null_path, self.path_of[others]))
        return replace(
            self.paths,
            conversions=np.bincount(paths, minlength=count),
            nulls=np.bincount(nulls, minlength=count),
            values=np.bincount(paths, worth_of(amounts[converting]), count).astype(np.float64),
        )


def worth_of(amounts: Ints) -> Ints:
    """What the conversions are worth to a model: it counts them where none is worth anything."""
    worth = np.maximum(amounts, 0)
    return worth if worth.any() else np.ones_like(worth)


class PopulationAllocation(Allocation):
    """The credit of every touchpoint under a model fitted on all journeys of the question.

    An amount is credited by the model of the stage that its conversions reached. Fitted when first
    asked.
    """

    def __init__(
        self,
        mart: duckdb.DuckDBPyConnection,
        loaded: Loaded,
        question: Question,
        model: ModelSpec,
    ) -> None:
        self._mart, self._question, self._model = mart, question, model
        self._begin(loaded, question, np.diff(loaded.journeys.offsets) > 0)

    @property
    def weights(self) -> None:
        """A conversion is not divided by itself."""
        return None

    def credit_of(self, amounts: Ints) -> Ints:
        credit = np.zeros(self._loaded.journeys.touch_count, np.int64)
        stages = self._loaded.conversions["stage"]
        for stage in np.flatnonzero(np.bincount(stages[amounts != 0])).tolist():
            population, converting, found = self.fitted_on(stage, amounts)
            own = np.where(converting, amounts, 0)
            if found.step_weights is not None:
                weights = _per_step(found.step_weights, population)
                credit += inside(own, weights, population.steps)
            else:
                assert found.shares is not None
                known = self.shared(
                    stage,
                    "sharing",
                    lambda: sharing(population.steps, converting, self._ranked),  # noqa: B023
                )
                credit += over(own, found.shares, population.steps, converting, known)
        return credit

    def value_credit(self) -> Ints:
        return self.kept("value", lambda: self.credit_of(self._loaded.value))

    def count_credit(self) -> Ints:
        return self.kept("conversions", lambda: self.credit_of(counts(self._loaded)))

    def kept(self, name: str, make: Callable[[], T]) -> T:
        """What `make` gives for this model and question, made `once` of what is loaded."""
        asked = replace(self._question, models=(), filters=())
        return once(self._loaded, (name, str(self._model), asked), make)

    def _told_apart(self) -> Codes:
        return self._codes.astype(np.int32)

    def fitted(self, amounts: Ints) -> tuple[Population, Fit]:
        """The fit that credits the amounts, all of one stage, for explanations."""
        stage = int(self._loaded.conversions["stage"][amounts != 0][0])
        population, _, found = self.fitted_on(stage, amounts)
        return population, found

    @property
    def model(self) -> ModelSpec:
        return self._model

    def fitted_on(self, stage: int, amounts: Ints) -> tuple[Population, NDArray[np.bool_], Fit]:
        """The population of a stage (its place in those loaded), which of the loaded conversions are
        converting journeys in it, and the fit."""
        population = self.shared(stage, "population", lambda: self._population_of(stage))
        reached = self._loaded.conversions["stage"] == stage
        converting = reached & self.has_credit & (np.diff(population.steps.offsets) > 0)
        others = self.led_to_none(converting, amounts)
        paths = population.counted(converting & ~others, others, amounts)
        return population, converting, remembered_fit(paths, self._model)

    def led_to_none(self, converting: NDArray[np.bool_], amounts: Ints) -> NDArray[np.bool_]:
        """bool[n], those of the converting journeys that led to nothing of what is measured: where
        that is repeat purchases, those of a customer's first."""
        first: NDArray[np.bool_] = converting & (self._loaded.conversions["ordinal"] == 1)
        if self._question.conversion == "repeat" and not amounts[first].any():
            return first
        return np.zeros_like(converting)

    def shared(self, stage: int, name: str, make: Callable[[], T]) -> T:
        """What `make` gives for a stage's population, made `once` for all models that see the same."""
        values = dict(self._model.parameters)
        asked = replace(self._question, models=(), filters=())
        seen = stage, values.get("transform"), values.get("max_steps"), asked
        return once(self._loaded, (name, *seen), make)

    def _population_of(self, stage: int) -> Population:
        nulls = self._nulls(self._loaded.stages[stage])
        null_codes = self._states.rows_of(
            nulls["dimension_id"], nulls["page_id"], nulls["occurred_at"]
        )
        both, labels = in_order(np.concatenate((self._codes, null_codes)), self._states.labels)
        journeys = self._loaded.journeys
        count, touches = journeys.journey_count, journeys.touch_count
        ends = touches + np.cumsum(np.bincount(nulls["journey"]))
        offsets = np.concatenate((journeys.offsets, ends)).astype(np.int64)
        kinds = dimension_columns(self._mart)
        channels = np.concatenate((journeys.channel, kinds.channel_code[nulls["dimension_id"]]))
        steps = transformed(both, offsets, Channels(channels, kinds.channel_names), self._model)
        paths, path_of = collect_paths(steps.codes, steps.offsets, len(steps.channel_of))
        return Population(
            _first_of(steps, count, touches),
            paths,
            path_of[:count],
            path_of[count:],
            nulls["person_id"][np.flatnonzero(np.diff(nulls["journey"], prepend=-1))],
            labels,
        )

    @cached_property
    def _ranked(self) -> Ints:
        """int64[n], the loaded conversions in an order that their arrival has no part in."""
        keys, at = (self._loaded.conversions[name] for name in ("conversion_key", "occurred_at"))
        order = np.argsort(at, kind="stable")
        same = np.flatnonzero(np.diff(at[order]) == 0)
        if len(same):  # few as a rule, and only they need their ids read
            among = np.union1d(order[same], order[same + 1])
            rows = fetch_columns(
                self._mart,
                "SELECT conversion_key, ROW_NUMBER() OVER (ORDER BY conversion_id) AS place "
                "FROM conversions WHERE conversion_key IN (SELECT UNNEST($keys)) "
                "ORDER BY conversion_key",
                {"keys": keys[among].tolist()},
            )
            place = np.zeros(len(keys), np.int64)
            place[among] = rows["place"]
            order = np.lexsort((place, at))
        return order

    @cached_property
    def _states(self) -> Groups:
        return _states_of(self._mart, self._question)

    @cached_property
    def _codes(self) -> Ints:
        loaded = self._loaded
        codes: Ints = self._states.rows_of(
            loaded.dimension_id, loaded.page_id, loaded.journeys.touched_at
        )
        return codes

    def _nulls(self, stage: str) -> dict[str, NDArray[np.int64]]:
        period = self._question.period
        last = period.end_micros
        if self._question.basis == "touch":
            last = FOREVER
            if self._question.lookback is not None:
                last = period.end_micros + lookback_micros(self._question)
        return fetch_columns(
            self._mart,
            _NULLS.format(
                unit=_UNITS[self._question.scope],
                companies=_COMPANIES[self._question.scope],
                accounts=ACCOUNTS,
            ),
            {
                "stage": stage,
                "start": period.start_micros,
                "end": period.end_micros,
                "last": last,
                "excluded": excluded_dimensions(self._mart),
            },
        )


class ExcerptAllocation(Allocation):
    """The credit of chosen conversions, taken out of that of the question's whole population."""

    def __init__(
        self,
        mart: duckdb.DuckDBPyConnection,
        loaded: Loaded,
        question: Question,
        model: ModelSpec,
        load_whole: LoadWhole,
    ) -> None:
        self._mart, self._question, self._model = mart, question, model
        self._load_whole = load_whole
        self._begin(loaded, question, np.diff(loaded.journeys.offsets) > 0)

    @property
    def weights(self) -> None:
        """A conversion is not divided by itself."""
        return None

    def value_credit(self) -> Ints:
        return self._cut(self.whole.value_credit())

    def count_credit(self) -> Ints:
        return self._cut(self.whole.count_credit())

    @cached_property
    def whole(self) -> PopulationAllocation:
        loaded = self._load_whole(self._mart, self._question, self._loaded.stages)
        return PopulationAllocation(self._mart, loaded, self._question, self._model)

    def _told_apart(self) -> Codes:
        at = self._loaded.journeys.touched_at
        states = _states_of(self._mart, self._question)
        return states.rows_of(self._loaded.dimension_id, self._loaded.page_id, at).astype(np.int32)

    def in_whole(self) -> Ints:
        """int64[n], where the chosen conversions are in the whole. Raises Refusal for one outside."""
        return places_in(self.whole.loaded, self._loaded, self._model)

    def _cut(self, credit: Ints) -> Ints:
        offsets = self.whole.loaded.journeys.offsets
        return np.concatenate(
            [credit[offsets[p] : offsets[p + 1]] for p in self.in_whole().tolist()] or [credit[:0]]
        )


def _states_of(mart: duckdb.DuckDBPyConnection, question: Question) -> Groups:
    """What the model tells apart: the question's groupings, times aside."""
    names = tuple(n for n in question.group_by if n not in TIMES) or ("channel",)
    return Groups(mart, replace(question, group_by=names, filters=()))


def places_in(whole: Loaded, excerpt: Loaded, model: ModelSpec) -> Ints:
    """int64[n], where the excerpt's conversions are in the whole. Raises Refusal for one outside."""
    known, keys = whole.conversions["conversion_key"], excerpt.conversions["conversion_key"]
    places = np.searchsorted(known, keys)
    if (places == len(known)).any() or (known[places] != keys).any():
        raise Refusal(
            "outside_the_period",
            "from",
            f"{model.name} is fitted on the conversions of the period, and this one lies outside; "
            "ask with from and to around it",
        )
    return places


def in_order(codes: Ints, labels: list[tuple[Label, ...]]) -> tuple[Codes, list[tuple[Label, ...]]]:
    """States numbered by their labels: an order that the arrival of facts has no part in."""
    order = sorted(range(len(labels)), key=lambda i: [x or "" for x in labels[i]])
    place = np.empty(len(labels), np.int32)
    place[order] = np.arange(len(labels), dtype=np.int32)
    return place[codes.astype(np.int64)], [labels[i] for i in order]


def _first_of(steps: Steps, journeys: int, touches: int) -> Steps:
    """The steps of the first journeys and their touches."""
    end = int(steps.offsets[journeys])
    return replace(
        steps,
        offsets=steps.offsets[: journeys + 1],
        codes=steps.codes[:end],
        step_of=steps.step_of[:touches],
        moment_of=steps.moment_of[:end],
    )


def _per_step(weights: NDArray[np.float64], population: Population) -> NDArray[np.float64]:
    """float64[t], the weights of each conversion's steps out of those of its path."""
    offsets = population.steps.offsets
    shift = population.paths.offsets[population.path_of] - offsets[:-1]
    of_steps: NDArray[np.float64] = weights[
        np.repeat(shift, np.diff(offsets)) + np.arange(offsets[-1])
    ]
    return of_steps


def weights_of_steps(found: Fit, population: Population, place: int) -> NDArray[np.float64]:
    """float64, the weights that a model of steps gives those of one loaded conversion."""
    assert found.step_weights is not None
    start, end = population.paths.offsets[population.path_of[place] :][:2]
    weights: NDArray[np.float64] = found.step_weights[start:end]
    return weights
