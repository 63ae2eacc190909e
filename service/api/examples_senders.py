"""Examples of the API's description for hooks and what comes in by them."""

from typing import Any

WEBHOOK: Any = {
    "id": "change-1",
    "deal": "D1",
    "status": "won",
    "amount": "1200.00",
    "currency": "EUR",
    "email": "ann@example.com",
    "at": "2026-03-01T10:00:00Z",
}
OPTIONS: Any = {
    "stages": {"won": "won", "lost": "lost", "open": "opportunity"},
    "fields": {"gclid": "click_ids.gclid"},
    "secret": "hidden",
}
HOOK: Any = {
    "id": 1,
    "kind": "hubspot",
    "source": "crm",
    "hint": "hk_abcd…wxyz",
    "options": OPTIONS,
    "version": 1,
    "created_at": "2026-03-01T09:00:00Z",
    "revoked_at": None,
}
HOOKS: Any = {"items": [HOOK]}
NEW_HOOK_REQUEST: Any = {
    "kind": "hubspot",
    "source": "crm",
    "options": {**OPTIONS, "secret": "the app's client secret"},
}
NEW_HOOK: Any = {"address": "https://throughline.example.com/v1/webhooks/hk_…", **HOOK}
HOOK_OPTIONS: Any = {"options": OPTIONS}
