"""Examples of the API's description for incremental conversions and lift tests."""

from typing import Any

from pydantic import Field

from service.api.examples import META
from service.reports.lift_tests import ID, LiftTest


class NewLiftTest(LiftTest):
    """A lift test to be kept; `id` is made where none is given."""

    id: str | None = Field(None, pattern=f"^{ID.pattern}$")


NEW_LIFT_TEST: Any = {
    "id": "spring-holdout",
    "channel": "paid_social",
    "from": "2026-03-01",
    "to": "2026-03-15",
    "incremental_conversions": 40,
    "standard_error": 12,
    "method": "user_holdout",
}
LIFT_TEST: Any = {
    "id": "spring-holdout",
    "channel": "paid_social",
    "from": "2026-03-01",
    "to": "2026-03-15",
    "conversion": "won",
    "incremental_conversions": 40,
    "incremental_revenue": None,
    "currency": None,
    "standard_error": 12,
    "method": "user_holdout",
    "note": None,
    "version": 1,
    "created_at": "2026-03-20T09:00:00Z",
}
LIFT_TESTS: Any = {"items": [{**LIFT_TEST, "incremental_revenue": 2400, "currency": "EUR"}]}
INCREMENTAL: Any = {
    "rows": [
        {
            "channel": "paid_social",
            "spend": 900,
            "attributed": {"conversions": 120.5, "value": 9640},
            "incremental": {
                "conversions": 61.25,
                "value": 4900,
                "low": 45.1,
                "high": 83.2,
                "roas": 5.444444,
            },
            "calibrated": {
                "conversions": 52.0625,
                "value": 4165,
                "low": 30.5,
                "high": 88.9,
                "roas": 4.627778,
                "factor": 0.85,
            },
        }
    ],
    "baseline": {
        "conversions": 78.75,
        "value": 6300,
        "share": 0.5625,
        "never_touched": {"conversions": 12, "value": 960},
        "calibrated": {"conversions": 87.9375, "value": 7035},
    },
    "unattributed": {"conversions": 19.5, "value": 1560},
    "totals": {"conversions": 140, "value": 11200, "spend": 900},
    "fit": {
        "person_days": 81000,
        "people": 2700,
        "conversions_fitted": 128,
        "half_life_days": 7,
        "base_rate_per_1000_days": 0.824,
        "log_likelihood": -933.6,
        "steps": 6,
    },
    "lift_tests": [
        {
            "id": "spring-holdout",
            "version": 1,
            "channel": "paid_social",
            "from": "2026-03-01",
            "to": "2026-03-15",
            "measure": "conversions",
            "currency": None,
            "estimate": 40,
            "standard_error": 12,
            "method": "user_holdout",
            "model": 49.2,
            "used": True,
            "reason": None,
        }
    ],
    "warnings": ["Exposure was not assigned at random."],
    "meta": {
        **META,
        "models": [
            {
                "model": "incremental",
                "name": "incremental",
                "preset": None,
                "parameters": {"half_life": None, "fill": 50},
                "version": 1,
            }
        ],
    },
}
BROUGHT: Any = {
    "model": "incremental",
    "rows": [
        {
            "channel": "paid_search",
            "conversions": 0.6,
            "value": 48,
            "calibrated": {"conversions": 0.5, "value": 40, "factor": 0.833333},
        }
    ],
    "baseline": {
        "conversions": 0.4,
        "value": 32,
        "calibrated": {"conversions": 0.5, "value": 40},
    },
}
BROUGHT_ROI: Any = {
    "model": "incremental",
    "rows": [
        {
            "channel": "paid_search",
            "conversions": 0.6,
            "customers": 0.6,
            "revenue": 48,
            "roas": 2.4,
            "calibrated": {
                "conversions": 0.5,
                "customers": 0.5,
                "revenue": 40,
                "roas": 2.0,
                "factor": 0.833333,
            },
        }
    ],
    "baseline": {
        "conversions": 0.4,
        "customers": 0.4,
        "revenue": 32,
        "calibrated": {"conversions": 0.5, "customers": 0.5, "revenue": 40},
    },
}
