"""One example for every operation, shown in the API's description and checked by its test."""

from typing import Any

from service.attribution.catalogue import describe_models
from service.collect.channels import describe_channels
from service.reports.configuration import Configuration, Edition
from service.reports.editions import usual_question

EVENTS: Any = [
    {
        "id": "evt-1",
        "type": "page",
        "occurred_at": "2026-03-01T10:00:00Z",
        "identifiers": {"anonymous_id": "a-1"},
        "page": {
            "url": "https://example.com/?utm_source=google&utm_medium=cpc&utm_campaign=spring",
            "referrer": "https://www.google.com/",
        },
    },
    {
        "id": "evt-2",
        "type": "order",
        "occurred_at": "2026-03-01T10:20:00Z",
        "identifiers": {"anonymous_id": "a-1", "email": "ann@example.com"},
        "order": {"id": "O1", "status": "completed", "amount": "80.00", "currency": "EUR"},
    },
]
SPEND: Any = [
    {
        "date": "2026-03-01",
        "source": "google",
        "medium": "cpc",
        "campaign": "spring",
        "amount": "20.00",
        "currency": "EUR",
        "impressions": 1000,
        "clicks": 40,
    }
]
RATES: Any = [{"date": "2026-03-01", "base": "USD", "quote": "EUR", "rate": "0.9215"}]
RECEIPT: Any = {"accepted": 2, "duplicates": 0, "rejected": [], "watermark": 123}
NOTHING_NEW: Any = {**RECEIPT, "accepted": 0, "duplicates": 2}
ALL_REJECTED: Any = {
    **RECEIPT,
    "accepted": 0,
    "rejected": [
        {
            "index": 0,
            "code": "missing_currency",
            "field": "order.currency",
            "detail": "an amount needs its ISO 4217 `currency`",
        }
    ],
}
ADJUSTED: Any = [
    {
        "index": 0,
        "code": "clock_ahead",
        "field": "occurred_at",
        "detail": "2026-03-01T14:00:00Z lies ahead of our clock; stored with the moment it arrived",
    }
]
META: Any = {
    "models": [
        {
            "model": "linear",
            "name": "linear",
            "preset": None,
            "parameters": {"unique": False, "transform": None, "max_steps": None},
            "version": 1,
        }
    ],
    "warnings": [],
    "conversion": "won",
    "lookback": "90d",
    "basis": "conversion",
    "scope": "person",
    "period": {"from": "2026-03-01T00:00:00Z", "to": "2026-04-01T00:00:00Z", "tz": "UTC"},
    "currency": "EUR",
    "group_by": ["channel"],
    "filters": {},
    "configuration": "2026-11-8bb650d4",
    "campaign_rules": 0,
    "settings": {"version": 3, "draft": False},
    "watermark": 123,
    "fresh_to": "2026-03-31T23:59:58Z",
    "coverage": {"value": 1.0, "conversions": 1.0, "spend": 1.0},
    "not_convertible": [],
    "include": [],
    "excluded": [],
}
ATTRIBUTION: Any = {
    "rows": [
        {
            "channel": "paid_search",
            "conversions": 1,
            "value": 80,
            "share": 1.0,
            "participation": {"conversions": 1, "value": 80},
        }
    ],
    "unattributed": {"conversions": 0, "value": 0, "share": 0.0, "reasons": []},
    "totals": {"conversions": 1, "value": 80},
    "incremental": [],
    "meta": META,
}
FIGURES: Any = {
    "spend": 20, "impressions": 1000, "clicks": 40, "visits": 1, "leads": 0, "mqls": 0, "sqls": 0,
    "opportunities": 0, "won": 1, "conversions": 1, "customers": 1, "revenue": 80, "margin": None,
    "margin_coverage": 0.0, "cpl": None, "cpa": 20, "cac": 20, "roas": 4.0, "roi": 3.0, "romi": 3.0,
    "romi_revenue": 3.0, "romi_margin": None, "drr": 0.25, "maturity": None, "too_early": False,
    "maturity_reason": "few_conversions",
}  # fmt: skip
NO_FIGURES: Any = (
    dict.fromkeys(FIGURES, 0)
    | dict.fromkeys(
        (
            "margin",
            "margin_coverage",
            "cpl",
            "cpa",
            "cac",
            "roas",
            "roi",
            "romi",
            "romi_revenue",
            "romi_margin",
            "drr",
            "maturity",
        )
    )
    | {"too_early": False, "maturity_reason": "nothing_put_in"}
)
ROI: Any = {
    "rows": [{"channel": "paid_search", **FIGURES}],
    "unattributed": NO_FIGURES,
    "totals": FIGURES,
    "incremental": [],
    "meta": META,
}
TREND: Any = {
    "points": [{"day": "2026-03-01", **FIGURES}],
    "unattributed": NO_FIGURES,
    "totals": FIGURES,
    "incremental": [],
    "meta": META,
}
CONVERSION: Any = {
    "conversion_id": "won:order:O1",
    "stage": "won",
    "state": "completed",
    "object": {"kind": "order", "id": "O1"},
    "occurred_at": "2026-03-01T10:20:00Z",
    "value": 80,
    "currency": "EUR",
    "person_id": "p_57f32671b65e6833",
    "account_id": None,
    "touchpoints": 1,
    "first_channel": "paid_search",
    "last_channel": "paid_search",
    "channels": ["paid_search"],
    "days_to_convert": 0.01,
    "unattributed_reason": None,
}
JOURNEYS: Any = {"items": [CONVERSION], "next": None, "meta": META}
AMOUNTS: Any = [
    {"kind": "won", "amount": 80, "currency": "EUR", "occurred_at": "2026-03-01T10:20:00Z"}
]
IDENTIFIERS: Any = [
    {
        "kind": "anonymous_id",
        "value": "a-1",
        "shared": False,
        "links": 1,
        "person_id": "p_57f32671b65e6833",
    },
    {
        "kind": "email",
        "value": None,
        "shared": False,
        "links": 1,
        "person_id": "p_57f32671b65e6833",
    },
]
JOURNEY: Any = {
    "conversion": {**CONVERSION, "amounts": AMOUNTS},
    "touchpoints": [
        {
            "position": 1,
            "occurred_at": "2026-03-01T10:00:00Z",
            "kind": "visit",
            "channel": "paid_search",
            "source": "google",
            "medium": "cpc",
            "campaign": "spring",
            "campaign_id": None,
            "content": None,
            "term": None,
            "landing_page": "example.com/",
            "page_views": 1,
            "seconds": 0,
            "facts": [1],
            "milestones": [],
            "credit": {
                "linear": {
                    "value": 80,
                    "conversions": 1,
                    "weight": 1.0,
                    "step": 1,
                    "dropped_by": None,
                }
            },
        }
    ],
    "milestones": [],
    "identifiers": IDENTIFIERS,
    "unattributed_reason": None,
    "meta": META,
}
PATHS: Any = {
    "rows": [
        {"path": ["paid_search"], "conversions": 1, "value": 80, "share": 1.0, "median_days": 0.01}
    ],
    "totals": {"paths": 1, "conversions": 1, "value": 80},
    "next": None,
    "meta": META,
}
FUNNEL: Any = {
    "stages": [
        {
            "stage": "visit",
            "count": 1,
            "customers": 1,
            "from_previous": None,
            "from_first": 1.0,
            "median_days": None,
            "p90_days": None,
        }
    ],
    "rows": [
        {
            "channel": "paid_search",
            "visits": 1,
            "leads": 0,
            "mqls": 0,
            "sqls": 0,
            "opportunities": 0,
            "won": 1,
            "revenue": 80,
        }
    ],
    "unattributed": {
        "visits": 0,
        "leads": 0,
        "mqls": 0,
        "sqls": 0,
        "opportunities": 0,
        "won": 0,
        "revenue": 0,
    },
    "totals": {
        "visits": 1,
        "leads": 0,
        "mqls": 0,
        "sqls": 0,
        "opportunities": 0,
        "won": 1,
        "revenue": 80,
    },
    "meta": META,
}
SPEND_LINES: Any = {
    "items": [
        {
            "date": "2026-03-01",
            "sender": "google-ads",
            "source": "google",
            "medium": "cpc",
            "campaign_id": None,
            "campaign": "spring",
            "ad_group": None,
            "ad": None,
            "term": None,
            "amount": 20,
            "currency": "EUR",
            "amount_converted": 20,
            "currency_converted": "EUR",
            "impressions": 1000,
            "clicks": 40,
            "channel": "paid_search",
            "fact": 3,
            "statements": 1,
            "account": None,
        }
    ],
    "next": None,
    "meta": META,
}
PERSON: Any = {
    "person_id": "p_57f32671b65e6833",
    "first_at": "2026-03-01T10:00:00Z",
    "known": True,
    "account_id": None,
    "identifiers": IDENTIFIERS,
    "touchpoints": [
        {
            "occurred_at": "2026-03-01T10:00:00Z",
            "kind": "visit",
            "channel": "paid_search",
            "source": "google",
            "medium": "cpc",
            "campaign": "spring",
            "landing_page": "example.com/",
            "page_views": 1,
            "fact": 1,
        }
    ],
    "conversions": [
        {"conversion_id": "won:order:O1", "stage": "won", "occurred_at": "2026-03-01T10:20:00Z"}
    ],
}
MODELS: Any = {
    "models": [
        model for model in describe_models() if model["name"] in ("linear", "markov", "incremental")
    ],
    "settings": usual_question(
        Edition(
            3,
            Configuration(
                default_model="@house", model_presets={"house": "time_decay:half_life=14d"}
            ),
        )
    ),
    "channels": [channel for channel in describe_channels() if channel["id"] == "paid_search"],
}
KEY: Any = {
    "id": 1,
    "name": "website",
    "source": "website",
    "scopes": ["collect"],
    "hint": "pk_abcd…wxyz",
    "created_at": "2026-03-01T09:00:00Z",
    "revoked_at": None,
}
KEYS: Any = {"items": [KEY]}
NEW_KEY_REQUEST: Any = {"name": "website", "scopes": ["collect"]}
NEW_KEY: Any = {"key": "pk_…", **KEY}
STATUS: Any = {"status": "ready", "watermark": 123, "ledger_watermark": 123, "behind": 0}
