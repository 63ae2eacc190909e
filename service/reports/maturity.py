"""`/v1/maturity`: what has had time to come of what was spent, and what is still to come."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from service.attribution.lag import LagDistribution, eventual_interval
from service.kit.duck import fetch_columns
from service.kit.errors import Refusal
from service.kit.money import count_to_number, to_number
from service.kit.time import MICROSECOND, iso
from service.reports.allocations import allocation_of
from service.reports.applied import excluded_dimensions
from service.reports.attribution import load_chosen
from service.reports.credited import MILLION, Credit, counts, exact_sums
from service.reports.exposure import NOT_KNOWN, Exposure, exposure_of_spend, mark_of, number_of
from service.reports.groups import Groups
from service.reports.lag_sample import channel_names
from service.reports.lags import LagBook, Lags
from service.reports.load import lookback_micros
from service.reports.meta import describe, ratio
from service.reports.question import STAGES, TIMES, Question
from service.reports.roi import noons, spend_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
DAY = timedelta(days=1) // MICROSECOND
QUARTER = timedelta(minutes=15) // MICROSECOND
LEVEL = 0.9
UNKNOWN = {
    **NOT_KNOWN,
    "expected": None,
    "low": None,
    "high": None,
    "exposure": None,
    "lags": None,
}
EVERY = (*TIMES, "period")
QUANTILES = (("p10", 0.1), ("p50", 0.5), ("p90", 0.9))


def maturity(
    mart: duckdb.DuckDBPyConnection, question: Question, every: str, book: LagBook
) -> dict[str, Any]:
    """Cohorts by the day, week or month of the touch (`period`: of the whole period together), with
    what has come and what is expected.

    Rows and the unattributed row add up to the totals in spend and conversions. What is expected is
    conversions ÷ maturity: the Cape Cod estimate of insurers, with the spend as exposure. Needs the
    table `factors`.
    """
    if any(name in TIMES for name in question.group_by):
        raise Refusal("unknown_group", "group_by", "cohorts are dated by `every`, not by group_by")
    dated = () if every == "period" else (every,)
    question = replace(question, basis="touch", group_by=(*dated, *question.group_by))
    loaded, chosen = load_chosen(mart, question)
    groups = Groups(mart, question)
    rows = groups.rows_of(loaded.dimension_id, loaded.page_id, loaded.journeys.touched_at)
    spent = spend_of(mart, question)
    spend_rows = groups.rows_of(spent["dimension_id"], None, noons(spent["day"], question))
    seen = _touchpoints(mart, question)
    seen_rows = groups.rows_of(seen["dimension_id"], seen["page_id"], seen["moment"])
    count = len(groups.labels)
    allocation = allocation_of(mart, loaded, question, question.models[0])
    credit = allocation.gather(counts(loaded), rows, count, chosen)
    kept = spend_rows >= 0
    spend = exact_sums(spend_rows[kept], spent["spend"][kept].astype(np.int64), count)
    lags = {stage: book.of(mart, question, stage) for stage in STAGES}
    asked = lags[question.conversion]
    names = channel_names(mart)
    touched = Exposure(seen_rows, seen["touches"], names[seen["dimension_id"]], seen["moment"])
    paid = exposure_of_spend(spent, spend_rows, noons(spent["day"], question))
    cohorts = _cohorts(paid, touched, asked, credit, spend, book.threshold)
    return {
        **_answer(question, groups.labels, cohorts, credit, spend),
        "lags": [_described(found, question) for found in lags.values()],
        "now": iso(asked.now),
        "too_early_below": book.threshold,
        "interval": LEVEL,
        "weighted_by": str(asked.weighted_by),
        "meta": describe(mart, question, _coverage(credit, spent)),
    }


def _touchpoints(mart: duckdb.DuckDBPyConnection, question: Question) -> dict[str, Any]:
    """Touchpoints of the period that journeys can hold, by dimensions and quarter of an hour: no
    time zone's days end inside one. `moment` is its middle."""
    names = {*question.group_by, *(name for name, _ in question.filters)}
    page = "COALESCE(page_id, 0)" if "landing_page" in names else "0"
    return fetch_columns(
        mart,
        f"SELECT dimension_id, {page} AS page_id, "
        f"CAST(FLOOR(occurred_at / {QUARTER}.0) AS BIGINT) * {QUARTER} + {QUARTER // 2} AS moment, "
        "COUNT(*) AS touches FROM touchpoints WHERE occurred_at >= ? AND occurred_at < ? "
        "AND NOT LIST_CONTAINS(?, dimension_id) GROUP BY ALL",
        [
            question.period.start_micros,
            question.period.end_micros,
            excluded_dimensions(mart),
        ],
    )


def _cohorts(
    paid: Exposure,
    touched: Exposure,
    lags: Lags,
    credit: Credit,
    spend: Ints,
    threshold: float,
) -> list[dict[str, Any]]:
    """The figures of each row by its spend, of those without any by their touchpoints; last, those
    of all rows: the paid ones together by all spend, the others by theirs, and what came without a
    touchpoint as it came."""
    count = len(spend)
    is_paid = spend > 0
    unpaid = replace(
        touched, rows=np.where(np.append(is_paid, True)[touched.rows], -1, touched.rows)
    )
    by_spend, all_spend = paid.maturity(lags, count)
    by_touch, all_touches = unpaid.maturity(lags, count)
    used = np.where(is_paid, paid.own_lags(lags, count), unpaid.own_lags(lags, count))
    shares = np.where(is_paid, by_spend, by_touch)
    put_in = np.append(is_paid | unpaid.put_in(count), False)
    put_in[-1] = put_in.any()
    found = _foreseen(shares, credit.rows / MILLION, put_in[:-1], threshold)
    for figures, by_paid, own in zip(found, is_paid.tolist(), used.tolist(), strict=True):
        figures["exposure"] = None if own is None else "spend" if by_paid else "touchpoints"
        figures["lags"] = own
    parts = np.array([credit.rows[is_paid].sum(), credit.rows[~is_paid].sum()]) / MILLION
    with np.errstate(divide="ignore"):
        expected = (parts[parts > 0] / np.array([all_spend, all_touches])[parts > 0]).sum()
    share = parts.sum() / expected if parts.any() else all_spend
    total = _foreseen(np.array([share]), parts.sum(keepdims=True), put_in[-1:], threshold)[0]
    rest = sum(credit.unattributed.values()) / MILLION
    for name in ("expected", "low", "high"):
        total[name] = None if total[name] is None else number_of(total[name] + rest)
    whole = all_spend if is_paid.any() else all_touches
    mark = mark_of(whole, bool(put_in[-1]), threshold)
    return [*found, {**total, **mark, "exposure": None, "lags": None}]


def _foreseen(
    shares: Floats, observed: Floats, put_in: NDArray[np.bool_], threshold: float
) -> list[dict[str, Any]]:
    """What is expected of cohorts of these maturities, with bounds; None where nothing can be."""
    expected, low, high = (np.full(len(shares), np.nan) for _ in range(3))
    can = (shares > 0) & (observed >= 0)
    expected[can] = observed[can] / shares[can]
    low[can], high[can] = eventual_interval(observed[can], shares[can], LEVEL)
    return [
        {
            **mark_of(share, known, threshold),
            "expected": number_of(e),
            "low": number_of(lower),
            "high": number_of(upper),
        }
        for share, known, e, lower, upper in zip(
            shares, put_in.tolist(), expected, low, high, strict=True
        )
    ]


def _answer(
    question: Question,
    labels: Sequence[tuple[str | None, ...]],
    cohorts: list[dict[str, Any]],
    credit: Credit,
    spend: Ints,
) -> dict[str, Any]:
    def sums(money: int, millionths: int) -> dict[str, Any]:
        return {
            "spend": to_number(money, question.currency),
            "conversions": count_to_number(millionths),
        }

    order = sorted(range(len(labels)), key=lambda i: [x or "" for x in labels[i]])
    rest = sum(credit.unattributed.values())
    return {
        "rows": [
            {
                **dict(zip(question.group_by, labels[i], strict=True)),
                **sums(int(spend[i]), int(credit.rows[i])),
                **cohorts[i],
            }
            for i in order
            if spend[i] or credit.rows[i]
        ],
        "unattributed": {**sums(0, rest), **UNKNOWN},
        "totals": {**sums(int(spend.sum()), credit.shown), **cohorts[-1]},
    }


def _described(lags: Lags, question: Question) -> dict[str, Any]:
    """The lags of one stage, in days."""
    pooled = lags.pooled
    complete = None
    if pooled is not None and question.lookback is not None:
        complete = pooled.horizon >= lookback_micros(question)
    return {
        "stage": lags.stage,
        "conversions": count_to_number(sum(lags.weights.values())),
        "days": _quantiles(pooled),
        "horizon_days": None if pooled is None else _days(pooled.horizon),
        "complete": complete,
        "histogram": _histogram(pooled),
        "channels": [
            {
                "channel": name or None,
                "conversions": count_to_number(weight),
                "lags": "channel" if name in lags.by_channel else "pooled",
                "days": _quantiles(lags.of(name)),
            }
            for name, weight in sorted(lags.weights.items(), key=lambda pair: (-pair[1], pair[0]))
        ],
    }


def _quantiles(lags: LagDistribution | None) -> dict[str, float | None]:
    if lags is None:
        return {name: None for name, _ in (*QUANTILES, ("longest", 1.0))}
    found = {name: _days(lags.quantile(share)) for name, share in QUANTILES}
    return {**found, "longest": _days(int(lags.lags[-1]))}


def _histogram(lags: LagDistribution | None) -> list[dict[str, Any]]:
    if lags is None:
        return []
    shares = lags.histogram(DAY)
    days = np.flatnonzero(shares > 0)
    return [{"day": int(d), "share": round(float(shares[d]), 6)} for d in days]


def _days(micros: int) -> float:
    return round(micros / DAY, 2)


def _coverage(credit: Credit, spent: dict[str, Any]) -> dict[str, float | None]:
    rest = sum(credit.unattributed.values())
    mapped = int(spent["spend"][spent["mapped"]].sum())
    return {
        "value": None,
        "conversions": ratio(credit.shown - rest, credit.shown),
        "spend": ratio(mapped, int(spent["spend"].sum())),
    }
