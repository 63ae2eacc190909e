"""From the mart to arrays: the conversions of a question and their eligible touchpoints."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from service.attribution.journeys import JourneyArrays
from service.kit.duck import Columns, fetch_columns
from service.reports.applied import lost_touches
from service.reports.exchange import converted
from service.reports.question import Question

MISSING = np.iinfo(np.int64).min
FOREVER = 2**62
MICROSECONDS = timedelta(microseconds=1)
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Loaded:
    """n conversions with the m eligible touchpoints of their journeys, oldest first.

    `value` and `cost` are minor units of the question's currency; `amountless` marks conversions
    part of whose amount has no exchange rate; `stage` is the place in the stages asked for.
    `dimension_id` and `page_id` are per touchpoint. An excerpt holds chosen conversions only.
    """

    conversions: Columns
    journeys: JourneyArrays
    dimension_id: NDArray[np.int32]
    page_id: NDArray[np.int32]
    touch_seq: Ints
    stages: tuple[str, ...]
    is_excerpt: bool
    channel_names: tuple[str, ...]

    @property
    def value(self) -> Ints:
        return self.conversions["value"]

    @cached_property
    def in_period(self) -> NDArray[np.bool_]:
        """Conversions that are dated inside the question's period."""
        return self.conversions["in_period"]


def load(
    mart: duckdb.DuckDBPyConnection,
    question: Question,
    stages: Sequence[str],
    keys: Sequence[int] | None = None,
    ordinals: bool = True,
) -> Loaded:
    """Conversions of the stages that bear on the question, with their journeys.

    With basis `touch` these are also conversions after the period, whose touchpoints may lie in
    it. `keys` restricts to these conversions (by conversion_key), whatever their period; without
    `ordinals` nobody counts which win of its customer each is, a third of the work.
    """
    start, end = question.period.start_micros, question.period.end_micros
    last = end
    if question.basis == "touch":
        last = FOREVER if question.lookback is None else end + lookback_micros(question)
    parameters = {
        "currency": question.currency,
        "start": start if keys is None else -FOREVER,
        "last": last if keys is None else FOREVER,
        "stages": list(stages),
        "scope": question.scope,
        "keys": None if keys is None else [int(k) for k in keys],
    }
    sql = _CONVERSIONS.format(ordinal=_ORDINAL if ordinals else _UNNUMBERED)
    conversions = fetch_columns(mart, sql, parameters)
    at = conversions["occurred_at"]
    conversions["in_period"] = (at >= start) & (at < end)
    parameters |= {
        "lookback": lookback_micros(question),
    }
    del parameters["currency"]
    touches = fetch_columns(mart, _TOUCHES, parameters)
    conversions["excluded"] = lost_touches(mart, conversions["conversion_key"], parameters)
    return _arrange(mart, conversions, touches, tuple(stages), keys is not None)


def lookback_micros(question: Question) -> int:
    return FOREVER if question.lookback is None else question.lookback // MICROSECONDS


_VALUES = f"""
SELECT a.conversion_key,
    CAST(SUM({converted("a.amount_minor", "a.currency")}) AS BIGINT) AS value,
    BOOL_OR(a.currency <> $currency AND f.factor IS NULL) AS amountless,
    MIN(a.rate_day) AS rate_day
FROM conversion_amounts AS a
LEFT JOIN factors AS f ON f.currency = a.currency AND f.rate_day = a.rate_day
WHERE $keys IS NULL OR a.conversion_key IN (SELECT UNNEST($keys))
GROUP BY a.conversion_key
"""

# Numbers the wins of a customer over all time, whatever the period.
_ORDINAL = """
SELECT conversion_key, ROW_NUMBER() OVER (
    PARTITION BY CASE WHEN $scope = 'account' THEN COALESCE(account_key, CAST(person_id AS VARCHAR))
        ELSE CAST(person_id AS VARCHAR) END
    ORDER BY occurred_at, conversion_id
) AS ordinal
FROM conversions WHERE stage = 'won' AND person_id IS NOT NULL
"""
_UNNUMBERED = "SELECT CAST(NULL AS BIGINT) AS conversion_key, 1 AS ordinal WHERE FALSE"

_CONVERSIONS = f"""
WITH wins AS ({{ordinal}}), valued AS ({_VALUES})
SELECT
    c.conversion_key, c.occurred_at, LIST_POSITION($stages, c.stage) - 1 AS stage, COALESCE(v.value, 0) AS value,
    COALESCE(v.amountless, FALSE) AS amountless,
    COALESCE(wins.ordinal, 1) AS ordinal,
    c.cost_minor IS NOT NULL AND (c.cost_currency = $currency OR f.factor IS NOT NULL) AS has_cost,
    COALESCE({converted("c.cost_minor", "c.cost_currency")}, 0) AS cost,
    COALESCE(c.lead_at, {MISSING}) AS lead_at, COALESCE(c.mql_at, {MISSING}) AS mql_at,
    COALESCE(c.sql_at, {MISSING}) AS sql_at, COALESCE(c.opportunity_at, {MISSING}) AS opportunity_at,
    c.person_id IS NULL AS nobody,
    COALESCE(CASE WHEN $scope = 'account' THEN reach.account_first_at ELSE reach.person_first_at END, {MISSING}) AS first_touch_at
FROM conversions AS c
LEFT JOIN valued AS v ON v.conversion_key = c.conversion_key
LEFT JOIN wins ON wins.conversion_key = c.conversion_key
LEFT JOIN reach ON reach.conversion_key = c.conversion_key
LEFT JOIN factors AS f ON f.currency = c.cost_currency AND f.rate_day = v.rate_day
WHERE LIST_CONTAINS($stages, c.stage) AND c.occurred_at >= $start AND c.occurred_at < $last
    AND ($keys IS NULL OR c.conversion_key IN (SELECT UNNEST($keys)))
ORDER BY c.conversion_key
"""

_TOUCHES = """
SELECT conversion_key, position, occurred_at, dimension_id, COALESCE(page_id, 0) AS page_id, seq
FROM journeys
WHERE LIST_CONTAINS($stages, stage) AND converted_at >= $start AND converted_at < $last
    AND occurred_at >= converted_at - $lookback
    AND (of_person OR $scope = 'account')
    AND ($keys IS NULL OR conversion_key IN (SELECT UNNEST($keys)))
"""


def _arrange(
    mart: duckdb.DuckDBPyConnection,
    conversions: Columns,
    touches: Columns,
    stages: tuple[str, ...],
    is_excerpt: bool,
) -> Loaded:
    touches = _in_order(touches)
    offsets = np.append(
        np.searchsorted(touches["conversion_key"], conversions["conversion_key"]),
        len(touches["conversion_key"]),
    ).astype(np.int64)
    kinds = dimension_columns(mart)
    dimension_id = touches["dimension_id"]
    journeys = JourneyArrays(
        offsets=offsets,
        touched_at=touches["occurred_at"],
        channel=kinds.channel_code[dimension_id],
        is_direct=kinds.is_direct[dimension_id],
        channel_class=kinds.channel_class[dimension_id],
        converted_at=conversions["occurred_at"],
        milestones={m: conversions[f"{m}_at"] for m in ("lead", "mql", "sql", "opportunity")},
    )
    return Loaded(
        conversions, journeys, dimension_id, touches["page_id"], touches["seq"], stages, is_excerpt,
        kinds.channel_names,
    )  # fmt: skip


def _in_order(touches: Columns) -> Columns:
    """Journeys by conversion_key, touchpoints by position. They mostly lie like that already."""
    key, position = touches["conversion_key"], touches["position"]
    step = np.diff(key)
    if not bool(np.all((step > 0) | ((step == 0) & (np.diff(position) > 0)))):
        # One number a touchpoint, by the sort that takes runs as they lie: whole journeys.
        # A key is eight times a seq, so the product is far from the end of 64 bits.
        numbers = key * (int(position.max()) + 1) + position
        order = np.argsort(numbers, kind="stable")
        return {name: column[order] for name, column in touches.items()}
    return touches


@dataclass(frozen=True, eq=False)
class DimensionColumns:
    """Lookup arrays by dimension_id: what the models ask of a channel; names by its code."""

    channel_code: NDArray[np.int32]
    is_direct: NDArray[np.bool_]
    channel_class: NDArray[np.int8]
    channel_names: tuple[str, ...]


def dimension_columns(mart: duckdb.DuckDBPyConnection) -> DimensionColumns:
    rows = fetch_columns(
        mart,
        "SELECT dimension_id, DENSE_RANK() OVER (ORDER BY channel) AS code, is_direct, channel_class, "
        "channel FROM dimensions ORDER BY code",
    )
    width = int(rows["dimension_id"].max(initial=0)) + 1
    code, direct, kind = np.zeros(width, np.int32), np.zeros(width, bool), np.zeros(width, np.int8)
    ids: Any = rows["dimension_id"]
    code[ids], direct[ids], kind[ids] = rows["code"], rows["is_direct"], rows["channel_class"]
    names = ("", *dict.fromkeys(rows["channel"].tolist()))
    return DimensionColumns(code, direct, kind, names)
