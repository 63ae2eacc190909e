"""Examples of the API's description for the configuration of reports."""

from typing import Any

from service.api.examples import ATTRIBUTION, META

CONTENT: Any = {
    "channel_rules": [
        {
            "match": {"source": "partner-*", "medium": "referral"},
            "channel": "partners",
            "channel_class": "earned",
        }
    ],
    "exclusions": [{"match": {"referrer_host": "*.intranet.example"}, "note": "our own people"}],
    "lookback": "90d",
    "default_model": "@house",
    "model_presets": {"house": "time_decay:half_life=14d"},
}
NOTHING: Any = {
    "source": None, "medium": None, "campaign": None, "campaign_id": None, "content": None,
    "term": None, "touch_kind": None, "channel": None, "referrer_host": None, "landing_host": None,
}  # fmt: skip
KEPT: Any = {
    **CONTENT,
    "channel_rules": [
        {**each, "match": {**NOTHING, **each["match"]}} for each in CONTENT["channel_rules"]
    ],
    "exclusions": [
        {**each, "match": {**NOTHING, **each["match"]}} for each in CONTENT["exclusions"]
    ],
}
VERSION: Any = {
    "version": 3,
    "published_by": "analysts",
    "published_at": "2026-03-31T12:00:00Z",
    "note": "Partners stand apart",
    "restores": None,
    "configuration": KEPT,
}
PUBLISHED: Any = {
    **VERSION,
    "stage_maps": [
        {
            "hook_id": 1,
            "version": 2,
            "changed_by": "api",
            "changed_at": "2026-03-01T09:00:00Z",
            "stages": {"won": "won"},
        }
    ],
}
VERSIONS: Any = {"items": [VERSION], "next": None}
NEW_DRAFT: Any = {"configuration": CONTENT, "based_on": 3}
DRAFT: Any = {
    "based_on": 3,
    "configuration": KEPT,
    "saved_by": "analysts",
    "saved_at": "2026-03-31T12:00:00Z",
    "outdated": False,
}
PUBLISH: Any = {"note": "Partners stand apart"}
GO_BACK: Any = {"version": 2, "note": "The partners were counted twice"}
RESTORED: Any = {**PUBLISHED, "version": 4, "note": GO_BACK["note"], "restores": 2}
_FIGURES: Any = {"conversions": 1, "value": 80, "share": None}
_UNDER: Any = {**META, "settings": {"version": 3, "draft": True}}
DRY_RUN: Any = {
    "report": "attribution",
    "changed": True,
    "rows": [
        {
            "channel": "partners",
            "changed": True,
            "difference": {**_FIGURES, "participation": {"conversions": 1, "value": 80}},
        },
        {
            "channel": "paid_search",
            "changed": True,
            "difference": {
                "conversions": -1,
                "value": -80,
                "share": None,
                "participation": {"conversions": -1, "value": -80},
            },
        },
    ],
    "unattributed": {"conversions": 0, "value": 0, "share": 0},
    "totals": {"conversions": 0, "value": 0},
    "now": ATTRIBUTION,
    "draft": {
        **ATTRIBUTION,
        "rows": [{**ATTRIBUTION["rows"][0], "channel": "partners"}],
        "meta": _UNDER,
    },
}
