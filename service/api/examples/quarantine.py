"""Examples of the API's description for sources and the quarantine."""

from typing import Any

from service.api.examples import EVENTS

SOURCES: Any = {
    "items": [
        {
            "id": 1,
            "name": "website",
            "created_at": "2026-03-01T09:00:00Z",
            "outcomes": {"accepted": 2, "conflict": 1},
            "received": 3,
            "flagged": {"bot": 1},
            "refused_requests": {"malformed_json": 1},
            "last_at": "2026-03-01T10:00:00Z",
            "newest_at": "2026-03-01T10:00:00Z",
            "rate": 0.125,
            "per_hour": [0] * 23 + [3],
            "pull": {
                "platform": "google_ads",
                "complete_to": "2026-02-28",
                "next_at": "2026-03-01T11:00:00Z",
                "succeeded_at": "2026-03-01T10:00:00Z",
                "failing_since": None,
                "failures": 0,
                "last_error": None,
            },
        }
    ]
}
QUARANTINE: Any = {
    "items": [
        {
            "id": 1,
            "source": "website",
            "source_id": 1,
            "received_at": "2026-03-01T10:00:00Z",
            "code": "conflict",
            "field": "id",
            "detail": "id 'evt-1' was already used with other content; the first stays.",
            "fact_id": "evt-1",
            "format": "native",
            "marks": [],
            "raw": "{}",
            "outcome": None,
            "replayed_at": None,
        }
    ],
    "next": None,
}
CORRECTION: Any = {"message": EVENTS[0]}
REPLAYED: Any = {"id": 1, "outcome": "accepted", "accepted": 1, "duplicates": 0, "watermark": 123}
DISMISSED: Any = {**REPLAYED, "outcome": "dismissed", "accepted": 0, "watermark": 0}
SELECTION: Any = {"source": "crm", "code": "bad_amount", "replace": {"deal.amount": "1200.00"}}
REPLAYED_MANY: Any = {
    "items": 2,
    "accepted": 2,
    "duplicates": 0,
    "refused": 1,
    "reasons": [{"id": 7, "code": "bad_amount", "field": "deal.amount", "detail": "…"}],
    "watermark": 123,
    "next": None,
}
