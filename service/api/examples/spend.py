"""Examples of the API's description for spend and campaigns."""

from typing import Any

from service.api.examples import META

RULES: Any = {
    "rules": [
        {"match": {"source": "google", "campaign": "spring_*"}, "to": {"campaign": "Spring"}},
        {"match": {"campaign_id": "120215"}, "to": {"campaign_id": "42"}},
    ]
}
KEPT_RULES: Any = {"version": 1, **RULES}
QUALITY: Any = {
    "rows": [
        {
            "finding": "spend_without_touches",
            "source": "google",
            "campaign": "Spring",
            "channels": "paid_search",
            "spend": 120.5,
            "impressions": 1000,
            "clicks": 40,
            "spend_lines": 3,
            "touches": 0,
            "paid_touches": 0,
            "conversions": 0,
            "value": 0,
        },
        {
            "finding": "touches_without_spend",
            "source": "google",
            "campaign": "spring_2026",
            "channels": "paid_search",
            "spend": 0,
            "impressions": 0,
            "clicks": 0,
            "spend_lines": 0,
            "touches": 38,
            "paid_touches": 38,
            "conversions": 1.5,
            "value": 900,
        },
    ],
    "totals": {
        "spend": 320.5,
        "spend_without_touches": 120.5,
        "paid_touches": 90,
        "touches_without_spend": 38,
        "value": 2400,
        "value_without_spend": 900,
    },
    "meta": {**META, "group_by": ["source", "campaign"]},
}
