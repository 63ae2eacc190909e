"""From the mart to the hazard model's panel: everybody touched, on every day of a period."""

from dataclasses import dataclass, replace

import duckdb
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from service.attribution.incremental import MOST_STATES
from service.attribution.panel import NEVER, Happenings, Panel, build_panel
from service.kit.duck import Columns, fetch_columns
from service.kit.errors import Refusal
from service.reports.applied import excluded_dimensions
from service.reports.groups import Groups, Label, local_days
from service.reports.load import FOREVER, Loaded, dimension_columns, lookback_micros
from service.reports.population import in_order
from service.reports.question import TIMES, Question

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Populated:
    """The panel of one stage of a question, and what is loaded in its terms.

    States are the rows of the question's groupings (times aside) by `labels`, the last one the
    visits that came directly.

    Attributes:
        reached: int64[c], which of the loaded conversions are of the stage: the panel's first given
            conversions, in their order.
        state, age: int64[m] of every loaded touch, age in days before its conversion's day.
        live: bool[m], it led to no earlier conversion of the stage.
        again: bool[c], the stage was reached before.
        unit: int64[c], whose conversion it is, -1: nobody's.
        person: int64[u], who was touched first of each unit; -1 of one that never was.
    """

    panel: Panel
    labels: list[tuple[Label, ...]]
    reached: Ints
    state: Ints
    age: Ints
    live: Bools
    again: Bools
    unit: Ints
    person: Ints

    @property
    def own(self) -> Bools:
        """bool[k], states of visits that nothing led to."""
        direct = np.zeros(self.panel.state_count, bool)
        direct[-1] = True
        return direct


def populate(
    mart: duckdb.DuckDBPyConnection, question: Question, loaded: Loaded, stage: int
) -> Populated:
    """Everybody with a touch in the period or the lookback before it, and their conversions of one
    of the loaded stages (by its place).

    Raises: Refusal beyond the limit of states.
    """
    reached = np.flatnonzero(loaded.conversions["stage"] == stage)
    edges = _edges(question)
    touches = fetch_columns(
        mart,
        _TOUCHES,
        {**{k: edges[k] for k in ("since", "end")}, "excluded": excluded_dimensions(mart)},
    )
    named = {"stage": loaded.stages[stage], **{k: edges[k] for k in ("since", "start")}}
    earlier = fetch_columns(mart, _EARLIER, named)
    keys = np.concatenate(
        (loaded.conversions["conversion_key"][reached], earlier["conversion_key"])
    )
    converted = np.concatenate((loaded.journeys.converted_at[reached], earlier["occurred_at"]))
    who, whose = _units(mart, question, touches["person_id"], keys)
    codes, labels = _states(mart, question, loaded, touches)
    order = np.argsort(who, kind="stable")
    when = touches["occurred_at"][order]
    touched, states = loaded.journeys.touched_at, len(labels) + 1
    last = min(edges["end"] - 1, _newest(mart, edges["start"]))
    everything = np.concatenate((when, converted, touched, [edges["start"], last]))
    day, _ = local_days(everything, question.period.zone)
    parts = np.split(day, np.cumsum([len(when), len(converted), len(touched)]))
    panel = build_panel(
        Happenings(who[order], when, parts[0]),
        codes[len(touched) :][order],
        Happenings(whose, converted, parts[1]),
        (int(day[-2]), int(day[-1]) + 1),
        states,
    )
    count = len(loaded.value)
    since, at_day = np.full(count, NEVER), np.zeros(count, np.int64)
    since[reached] = panel.since[: len(reached)]
    at_day[reached] = parts[1][: len(reached)]
    owner = loaded.journeys.journey
    return Populated(
        panel=panel,
        labels=labels,
        reached=reached,
        state=codes[: len(touched)],
        age=at_day[owner] - parts[2],
        live=touched > since[owner],
        again=since[reached] != NEVER,
        unit=whose[: len(reached)],
        person=_first_people(who[order], touches["person_id"][order], whose),
    )


def _first_people(unit: Ints, person: Ints, whose: Ints) -> Ints:
    """int64[u], the person of each unit's first touch; touches in order of units."""
    count = int(max(unit.max(initial=-1), whose.max(initial=-1))) + 1
    found = np.full(count, -1, np.int64)
    units, first = np.unique(unit, return_index=True)
    found[units] = person[first]
    return found


def _edges(question: Question) -> dict[str, int]:
    """First moment of touches, first of days at risk, and the one after the last."""
    end = question.period.end_micros
    if question.basis == "touch":
        end = FOREVER if question.lookback is None else end + lookback_micros(question)
    start = question.period.start_micros
    return {"since": max(start - lookback_micros(question), -FOREVER), "start": start, "end": end}


def _states(
    mart: duckdb.DuckDBPyConnection, question: Question, loaded: Loaded, touches: Columns
) -> tuple[Ints, list[tuple[Label, ...]]]:
    """The state of the loaded touches and of the others, and the states' labels."""
    names = tuple(n for n in question.group_by if n not in TIMES) or ("channel",)
    groups = Groups(mart, replace(question, group_by=names, filters=()))
    dimension = np.concatenate((loaded.dimension_id, touches["dimension_id"]))
    page = np.concatenate((loaded.page_id, touches["page_id"]))
    rows, labels = in_order(groups.rows_of(dimension, page, np.zeros(len(page))), groups.labels)
    if len(labels) >= MOST_STATES:
        raise Refusal(
            "too_many_states",
            "group_by",
            f"incremental takes at most {MOST_STATES - 1} states and {','.join(names)} makes "
            f"{len(labels)}; group by something coarser such as channel",
        )
    direct = dimension_columns(mart).is_direct[dimension]
    return np.where(direct, len(labels), rows).astype(np.int64), labels


# People by what arrived in no other order: the sums of the fit must not depend on it.
_TOUCHES = """
SELECT t.person_id, t.occurred_at, t.dimension_id, COALESCE(t.page_id, 0) AS page_id
FROM touchpoints AS t JOIN people AS p ON p.person_id = t.person_id
WHERE t.occurred_at >= $since AND t.occurred_at < $end
    AND NOT LIST_CONTAINS(CAST($excluded AS INTEGER[]), t.dimension_id)
ORDER BY t.occurred_at, t.tie, p.public_id
"""
_EARLIER = """
SELECT conversion_key, occurred_at FROM conversions
WHERE stage = $stage AND occurred_at >= $since AND occurred_at < $start ORDER BY conversion_key
"""
_MEMBERS = """
SELECT p.conversion_key, p.person_id FROM conversion_people AS p
JOIN asked_conversions AS a ON a.conversion_key = p.conversion_key
ORDER BY p.conversion_key, p.person_id
"""
_COMPANIES = """
SELECT person_id, DENSE_RANK() OVER (ORDER BY account_key) AS account FROM person_accounts
WHERE $scope = 'account' ORDER BY person_id, account_key
"""
# A deal may name a company and nobody of it, or another company than its people's.
_CUSTOMERS = """
SELECT c.conversion_key, company.account FROM conversions AS c
JOIN asked_conversions AS a ON a.conversion_key = c.conversion_key
JOIN (
    SELECT DISTINCT account_key, DENSE_RANK() OVER (ORDER BY account_key) AS account
    FROM person_accounts WHERE $scope = 'account'
) AS company ON company.account_key = c.account_key
ORDER BY c.conversion_key
"""


def _units(
    mart: duckdb.DuckDBPyConnection, question: Question, person: Ints, keys: Ints
) -> tuple[Ints, Ints]:
    """The unit of each touch and of each conversion (-1: of nobody). A unit is a person, the people
    of one conversion together, or with scope `account` those of one company; units are numbered by
    their first touches."""
    mart.register("asked_conversions", {"conversion_key": keys})
    members = fetch_columns(mart, _MEMBERS)
    customers = fetch_columns(mart, _CUSTOMERS, {"scope": question.scope})
    mart.unregister("asked_conversions")
    company = fetch_columns(mart, _COMPANIES, {"scope": question.scope})
    seen = (person, members["person_id"], company["person_id"])
    people = max((int(column.max(initial=-1)) for column in seen), default=-1) + 1
    order = np.argsort(keys, kind="stable")
    place, bought = (
        order[np.searchsorted(keys[order], found["conversion_key"])]
        for found in (members, customers)
    )
    nodes = people + len(keys) + int(company["account"].max(initial=0)) + 1
    companies = people + len(keys)
    one = np.concatenate((members["person_id"], company["person_id"], people + bought))
    other = np.concatenate(
        (people + place, companies + company["account"], companies + customers["account"])
    )
    graph = sparse.coo_array((np.ones(len(one), np.int8), (one, other)), shape=(nodes, nodes))
    label = connected_components(graph, directed=False)[1]
    unit = label[np.concatenate((person, people + np.arange(len(keys))))]
    _, first, inverse = np.unique(unit, return_index=True, return_inverse=True)
    number = np.empty(len(first), np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    number = number[inverse]
    peopled = np.zeros(len(keys), bool)
    peopled[place] = peopled[bought] = True
    return number[: len(person)], np.where(peopled, number[len(person) :], -1)


def _newest(mart: duckdb.DuckDBPyConnection, least: int) -> int:
    """The newest moment that the mart knows, `least` where there is none: nobody is at risk in a
    future that has not been seen."""
    row = mart.execute(
        "SELECT MAX(occurred_at) FROM (SELECT MAX(occurred_at) AS occurred_at FROM touchpoints "
        "UNION ALL SELECT MAX(occurred_at) FROM conversions) AS edges"
    ).fetchall()[0][0]
    return max(least, least if row is None else int(row))
