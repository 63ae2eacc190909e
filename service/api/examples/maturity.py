"""The example of `/v1/maturity`."""

from typing import Any

from service.api.examples import META

_DAYS: Any = {"p10": 0.5, "p50": 4.25, "p90": 30.0, "longest": 61.5}
_COHORT: Any = {
    "spend": 420,
    "conversions": 9,
    "maturity": 0.6,
    "too_early": True,
    "maturity_reason": None,
    "expected": 15.0,
    "low": 10.0,
    "high": 22.0,
    "exposure": "spend",
    "lags": "channel",
}
MATURITY: Any = {
    "rows": [{"week": "2026-03-23", "channel": "paid_search", **_COHORT}],
    "unattributed": dict.fromkeys(_COHORT)
    | {
        "spend": 0,
        "conversions": 1,
        "too_early": False,
        "maturity_reason": "nothing_put_in",
    },
    "totals": _COHORT | {"conversions": 10, "exposure": None, "lags": None},
    "lags": [
        {
            "stage": "won",
            "conversions": 240.0,
            "days": _DAYS,
            "horizon_days": 364.0,
            "complete": True,
            "histogram": [{"day": 0, "share": 0.14}],
            "channels": [
                {
                    "channel": "paid_search",
                    "conversions": 96.5,
                    "lags": "channel",
                    "days": _DAYS,
                }
            ],
        }
    ],
    "now": "2026-03-31T23:59:58Z",
    "too_early_below": 0.7,
    "interval": 0.9,
    "weighted_by": "linear",
    "meta": META | {"basis": "touch", "group_by": ["week", "channel"]},
}
