"""Examples of the API's description for what goes back to the ad platforms."""

from typing import Any

NEW_DESTINATION: Any = {
    "name": "google",
    "platform": "google_ads",
    "conversion": "won",
    "conversion_name": "Deal won",
    "model": "linear",
}
DESTINATION: Any = {
    **NEW_DESTINATION,
    "lookback": "90d",
    "currency": "",
    "account": "",
    "access_token": "",
    "test_event_code": "",
    "api_base": "",
    "confirm_hours": 24,
    "states": {"new": 3, "accepted": 40},
    "files": ["conversions", "adjustments", "api"],
}
DESTINATIONS: Any = {"items": [DESTINATION]}
MADE: Any = {"address": "https://throughline.example.com/v1/exports/pull/ek_…", **DESTINATION}
OUTBOX: Any = {
    "items": [
        {
            "id": 7,
            "order_id": "won:deal:D1:5c1a…",
            "revision": 1,
            "conversion_id": "won:deal:D1",
            "action": "report",
            "state": "sent",
            "occurred_at": "2026-03-01T10:00:00Z",
            "value": 1200,
            "currency": "EUR",
            "credit": 0.5,
            "click_id": "gclid",
            "matched_by": ["email_sha256"],
            "created_at": "2026-03-01T11:00:00Z",
            "sent_at": "2026-03-01T12:00:00Z",
            "answer": "",
        }
    ],
    "next": 6,
}
CONFIRMATION: Any = {"through": 7, "state": "accepted", "answer": "import 42"}
CONFIRMED: Any = {"rows": 1}
PUSHED: Any = {"added": {"report": 1}, "pushed": {"accepted": 1}}
