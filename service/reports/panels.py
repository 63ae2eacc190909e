"""From the mart to the hazard model's panel: everybody touched, on every day of a period."""

from dataclasses import dataclass, replace

import duckdb
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from service.attribution.incremental import MOST_STATES
from service.attribution.panel import Happenings, Panel, build_panel
from service.kit.duck import Columns, fetch_columns
from service.kit.errors import Refusal
from service.reports.attribution import load_chosen
from service.reports.groups import Groups, local_days
from service.reports.load import FOREVER, Loaded, dimension_columns, lookback_micros
from service.reports.question import TIMES, Question

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Populated:
    """The panel of a question with what its numbers mean.

    `loaded`, `chosen`: the period's conversions and which of them count (None: all); they are the
    panel's first given conversions, in their order. States are the rows of `groups`, the last one
    the visits that came directly. `touches`: columns of the panel's given touches.
    """

    panel: Panel
    loaded: Loaded
    chosen: NDArray[np.bool_] | None
    groups: Groups
    touches: Columns

    @property
    def own(self) -> NDArray[np.bool_]:
        """bool[k], states of visits that nothing led to."""
        direct = np.zeros(self.panel.state_count, bool)
        direct[-1] = True
        return direct


def populate(mart: duckdb.DuckDBPyConnection, question: Question) -> Populated:
    """Everybody with a touch in the period or the lookback before it, and their conversions.

    Raises: Refusal for a basis or grouping that dates credit, and beyond the limit of states.
    """
    _check(question)
    loaded, chosen = load_chosen(mart, question)
    edges = {
        "since": max(question.period.start_micros - lookback_micros(question), -FOREVER),
        "start": question.period.start_micros,
        "end": question.period.end_micros,
        "scope": question.scope,
    }
    stage = "won" if question.conversion == "repeat" else question.conversion
    touches = fetch_columns(mart, _TOUCHES, {k: edges[k] for k in ("since", "end")})
    earlier = fetch_columns(
        mart, _EARLIER, {"stage": stage, **{k: edges[k] for k in ("since", "start")}}
    )
    keys = np.concatenate((loaded.conversions["conversion_key"], earlier["conversion_key"]))
    moments = np.concatenate((loaded.conversions["occurred_at"], earlier["occurred_at"]))
    who, whose = _units(mart, question, touches["person_id"], keys)
    groups = Groups(mart, replace(question, filters=()))
    rows = groups.rows_of(touches["dimension_id"], touches["page_id"], touches["occurred_at"])
    states = len(groups.labels) + 1
    if states > MOST_STATES:
        raise Refusal(
            "too_many_states",
            "group_by",
            f"the model takes at most {MOST_STATES - 1} rows and {','.join(question.group_by)} makes "
            f"{states - 1}; group by something coarser such as channel",
        )
    direct = dimension_columns(mart).is_direct[touches["dimension_id"]]
    state = np.where(direct, states - 1, rows)
    order = np.argsort(who, kind="stable")
    touches = {name: column[order] for name, column in touches.items()}
    when = touches["occurred_at"]
    last = min(question.period.end_micros - 1, _newest(mart, question.period.start_micros))
    everything = np.concatenate((when, moments, [question.period.start_micros, last]))
    day, _ = local_days(everything, question.period.zone)
    panel = build_panel(
        Happenings(who[order], when, day[: len(when)]),
        state[order],
        Happenings(whose, moments, day[len(when) : -2]),
        (int(day[-2]), int(day[-1]) + 1),
        states,
    )
    return Populated(panel, loaded, chosen, groups, touches)


def _check(question: Question) -> None:
    if question.basis == "touch":
        raise Refusal(
            "unknown_value", "basis", "incremental conversions are dated by the conversion"
        )
    if dated := [name for name in question.group_by if name in TIMES]:
        raise Refusal(
            "unknown_group", "group_by", f"one fit covers the period: no rows by {dated[0]} here"
        )


_TOUCHES = """
SELECT person_id, occurred_at, dimension_id, COALESCE(page_id, 0) AS page_id, seq
FROM touchpoints WHERE occurred_at >= $since AND occurred_at < $end
ORDER BY occurred_at, tie, person_id
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


def _units(
    mart: duckdb.DuckDBPyConnection, question: Question, person: Ints, keys: Ints
) -> tuple[Ints, Ints]:
    """The unit of each touch and of each conversion (-1: of nobody). A unit is a person, the people
    of one conversion together, or with scope `account` those of one company."""
    mart.register("asked_conversions", {"conversion_key": keys})
    members = fetch_columns(mart, _MEMBERS)
    mart.unregister("asked_conversions")
    company = fetch_columns(
        mart,
        "SELECT person_id, DENSE_RANK() OVER (ORDER BY account_key) AS account FROM person_accounts "
        "WHERE $scope = 'account' ORDER BY person_id, account_key",
        {"scope": question.scope},
    )
    people = max((int(c.max(initial=-1)) for c in (person, members["person_id"], company["person_id"])),
                 default=-1) + 1  # fmt: skip
    order = np.argsort(keys, kind="stable")
    place = order[np.searchsorted(keys[order], members["conversion_key"])]
    nodes = people + len(keys) + int(company["account"].max(initial=0)) + 1
    one = np.concatenate((members["person_id"], company["person_id"]))
    other = np.concatenate((people + place, people + len(keys) + company["account"]))
    graph = sparse.coo_array((np.ones(len(one), np.int8), (one, other)), shape=(nodes, nodes))
    label = connected_components(graph, directed=False)[1]
    unit = label[np.concatenate((person, people + np.arange(len(keys))))]
    number = np.unique(unit, return_inverse=True)[1].astype(np.int64)
    whose = number[len(person) :]
    peopled = np.zeros(len(keys), bool)
    peopled[place] = True
    return number[: len(person)], np.where(peopled, whose, -1)


def _newest(mart: duckdb.DuckDBPyConnection, least: int) -> int:
    """The newest moment that the mart knows, `least` where there is none: nobody is at risk in a
    future that has not been seen."""
    row = mart.execute(
        "SELECT MAX(occurred_at) FROM (SELECT MAX(occurred_at) AS occurred_at FROM touchpoints "
        "UNION ALL SELECT MAX(occurred_at) FROM conversions) AS edges"
    ).fetchall()[0][0]
    return max(least, least if row is None else int(row))
