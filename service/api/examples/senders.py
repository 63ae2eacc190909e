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
TAKEN: Any = {"accepted": 1, "duplicates": 0}
POSTBACK: Any = {
    "click_id": "X7",
    "tid": "T-1",
    "status": "sale",
    "payout": "12.50",
    "currency": "EUR",
}
POSTBACK_QUERY: dict[str, tuple[str, str]] = {
    "click_id": ("The network's id of the click; also subid, clickid and others.", "X7"),
    "tid": ("Its id of the conversion; the same again changes it.", "T-1"),
    "status": ("lead, sale, rejected, or as the address or the hook says.", "sale"),
    "payout": ("What the conversion is worth; also revenue, amount and others.", "12.50"),
    "currency": ("ISO 4217.", "EUR"),
}
OPTIONS: Any = {
    "constants": {"kind": "deal"},
    "fields": {
        "id": "event_id",
        "at": "occurred_at",
        "deal": "object_id",
        "status": "status",
        "amount": "amount",
        "currency": "currency",
        "email": "identifiers.email",
    },
    "stages": {"won": "won", "lost": "lost", "open": "opportunity"},
}
HOOK: Any = {
    "id": 1,
    "kind": "webhook",
    "source": "crm",
    "hint": "hk_abcd…wxyz",
    "options": OPTIONS,
    "version": 1,
    "created_at": "2026-03-01T09:00:00Z",
    "revoked_at": None,
}
HOOKS: Any = {"items": [HOOK]}
NEW_HOOK_REQUEST: Any = {
    "kind": "webhook",
    "source": "crm",
    "options": OPTIONS,
}
NEW_HOOK: Any = {"address": "https://throughline.example.com/v1/webhooks/hk_…", **HOOK}
HOOK_OPTIONS: Any = {"options": OPTIONS}
