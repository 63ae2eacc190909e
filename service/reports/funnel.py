"""`/v1/funnel`: from visit to repeat purchase, counted once for both departments."""

from typing import Any

import duckdb

from service.kit.errors import Refusal
from service.reports.meta import describe, ratio
from service.reports.question import Question
from service.reports.roi import roi

STAGES = ("visit", "lead", "mql", "sql", "opportunity", "won", "repeat")

# When each person (or account) first reached each stage; `repeat` is the second win.
_FIRSTS = """
CREATE OR REPLACE TEMP TABLE firsts AS
WITH customers AS (
    SELECT person_id, CASE WHEN $scope = 'account' THEN COALESCE(account_key, CAST(person_id AS VARCHAR))
        ELSE CAST(person_id AS VARCHAR) END AS customer
    FROM (SELECT people.person_id, person_accounts.account_key FROM people
        LEFT JOIN person_accounts ON person_accounts.person_id = people.person_id) AS named
), reached AS (
    SELECT c.stage, customers.customer, c.occurred_at,
        ROW_NUMBER() OVER (PARTITION BY c.stage, customers.customer ORDER BY c.occurred_at, c.conversion_id) AS ordinal
    FROM conversions AS c JOIN customers ON customers.person_id = c.person_id
)
SELECT 'visit' AS stage, customers.customer, MIN(t.occurred_at) AS first_at
FROM touchpoints AS t JOIN customers ON customers.person_id = t.person_id
WHERE t.page_views > 0 GROUP BY customers.customer
UNION ALL
SELECT stage, customer, occurred_at FROM reached WHERE ordinal = 1
UNION ALL
SELECT 'repeat', customer, occurred_at FROM reached WHERE stage = 'won' AND ordinal = 2
"""

_COUNTS = """
SELECT 'visit' AS stage, COUNT(*) AS reached FROM touchpoints
WHERE page_views > 0 AND occurred_at >= $start AND occurred_at < $end
UNION ALL
SELECT stage, COUNT(*) FROM conversions WHERE occurred_at >= $start AND occurred_at < $end
GROUP BY stage
UNION ALL
SELECT 'repeat', COUNT(*) FROM (
    SELECT c.occurred_at, ROW_NUMBER() OVER (
        PARTITION BY CASE WHEN $scope = 'account' THEN COALESCE(c.account_key, CAST(c.person_id AS VARCHAR))
            ELSE CAST(c.person_id AS VARCHAR) END ORDER BY c.occurred_at, c.conversion_id) AS ordinal
    FROM conversions AS c WHERE c.stage = 'won' AND c.person_id IS NOT NULL
) AS wins WHERE ordinal > 1 AND occurred_at >= $start AND occurred_at < $end
"""

# Of those who reached `stage` first in the period: how many reached `next` by now, how long after.
_STEP = """
SELECT COUNT(*), COUNT(n.first_at),
    QUANTILE_CONT((n.first_at - f.first_at) / 86400000000.0, 0.5),
    QUANTILE_CONT((n.first_at - f.first_at) / 86400000000.0, 0.9)
FROM firsts AS f
LEFT JOIN firsts AS n ON n.customer = f.customer AND n.stage = $next AND n.first_at >= f.first_at
WHERE f.stage = $stage AND f.first_at >= $start AND f.first_at < $end
"""


def funnel(mart: duckdb.DuckDBPyConnection, question: Question) -> dict[str, Any]:
    """Stages with counts of the period and, for the cohort that entered a stage in the period, the
    share that went on by now with median and 90th percentile days; and rows by `group_by`.

    `count`: visits, leads, deals and orders that reached the stage in the period. `customers`:
    people (scope account: accounts) that reached it for the first time in the period.
    """
    if any(name in ("day", "week", "month") for name in question.group_by):
        raise Refusal("unknown_group", "group_by", "a funnel is grouped by dimensions, not by time")
    window = {"start": question.period.start_micros, "end": question.period.end_micros}
    counted = dict(mart.execute(_COUNTS, {**window, "scope": question.scope}).fetchall())
    mart.execute(_FIRSTS, {"scope": question.scope})
    stages = []
    entered, before = None, None
    for index, stage in enumerate(STAGES):
        following = STAGES[index + 1] if index + 1 < len(STAGES) else ""
        size, went_on, median, high = mart.execute(
            _STEP, {**window, "stage": stage, "next": following}
        ).fetchall()[0]
        entered = size if entered is None else entered
        stages.append(
            {
                "stage": stage,
                "count": counted.get(stage, 0),
                "customers": size,
                "from_previous": before[0] if before else None,
                "from_first": ratio(_reached_from_first(mart, window, stage), entered),
                "median_days": before[1] if before else None,
                "p90_days": before[2] if before else None,
            }
        )
        before = (ratio(went_on, size), _days(median), _days(high))
    by_row = roi(mart, question)
    names = (
        *question.group_by,
        "visits",
        "leads",
        "mqls",
        "sqls",
        "opportunities",
        "won",
        "revenue",
    )
    return {
        "stages": stages,
        "rows": [{n: row[n] for n in names} for row in by_row["rows"]],
        "unattributed": {
            n: by_row["unattributed"][n] for n in names if n in by_row["unattributed"]
        },
        "totals": {n: by_row["totals"][n] for n in names if n in by_row["totals"]},
        "meta": describe(mart, question, by_row["meta"]["coverage"]),
    }


def _reached_from_first(mart: duckdb.DuckDBPyConnection, window: dict[str, int], stage: str) -> int:
    """How many of those whose first visit lies in the period have reached the stage by now."""
    found: int = mart.execute(
        "SELECT COUNT(*) FROM firsts AS v JOIN firsts AS s ON s.customer = v.customer "
        "AND s.stage = $stage AND s.first_at >= v.first_at "
        "WHERE v.stage = 'visit' AND v.first_at >= $start AND v.first_at < $end",
        {**window, "stage": stage},
    ).fetchall()[0][0]
    return found


def _days(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
