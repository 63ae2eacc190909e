"""Examples of the operations on changes."""

from typing import Any

from service.api.examples import META
from service.api.schemas import schema_of
from service.reports.changes import MEANINGS


def _row(before: float, after: float, **causes: float) -> dict[str, Any]:
    nothing = dict.fromkeys(MEANINGS, 0)
    return {
        "from": before,
        "to": after,
        "difference": round(after - before, 2),
        "causes": nothing | causes,
    }


_BUILT_IN = {"version": 0, "draft": False}
_TOTALS = _row(100.5, 180.5, deals_changed=-20, late_facts=80, new_facts=20)
CHANGES: Any = {
    "report": "roi",
    "measure": "revenue",
    "rows": [
        {
            "channel": "paid_search",
            **_row(100.5, 180.5, deals_changed=-20, late_facts=80, new_facts=20),
        }
    ],
    "unattributed": _row(0, 0),
    "totals": _TOTALS,
    "causes": [
        {
            "cause": cause,
            "meaning": MEANINGS[cause],
            "difference": difference,
            "facts": {"count": int(difference != 0), "first": [110] if difference else []},
        }
        for cause, difference in _TOTALS["causes"].items()
    ],
    "between": {
        "from": {
            "watermark": 100,
            "at": "2026-03-10T12:00:00Z",
            "campaign_rules": 0,
            "settings": _BUILT_IN,
        },
        "to": {"watermark": 123, "at": None, "campaign_rules": 0, "settings": _BUILT_IN},
    },
    "meta": META,
}
FACTS: Any = {
    "cause": "late_facts",
    "items": [
        {
            "seq": 110,
            "source": "crm",
            "type": "deal",
            "occurred_at": "2026-03-09T10:00:00Z",
            "received_at": "2026-03-11T09:00:00Z",
        }
    ],
    "next": None,
    "from": {"watermark": 100},
    "to": {"watermark": 123},
}
SETTING: Any = {
    "name": "configuration",
    "version": 3,
    "at": "2026-03-11T09:00:00Z",
    "author": "admin",
}


def facts_schema() -> dict[str, Any]:
    """Items are facts, with their content for those who may see it, or versions of settings."""
    schema = schema_of(FACTS)
    fact = schema["properties"]["items"]["items"]
    fact["properties"] |= {"id": {"type": "string"}, "payload": {"type": "string"}}
    schema["properties"]["items"]["items"] = {"anyOf": [fact, schema_of(SETTING)]}
    schema["properties"]["next"] = {"type": ["string", "null"]}
    return schema
