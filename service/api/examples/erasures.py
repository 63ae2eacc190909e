"""Examples of the API's description for erasures."""

from typing import Any

# Of nobody whom another example names: whoever tries them all keeps the others.
NEW_ERASURE: Any = {"identifiers": {"email": "zoe@example.com"}}
ERASURE: Any = {
    "id": 1,
    "erased_at": "2026-03-20T09:00:00Z",
    "author": "privacy desk",
    "seq": 124,
    "identifiers": 3,
    "facts": 12,
    "quarantined": 1,
    "tasks": 0,
    "outgoing": 1,
}
ERASURES: Any = {"items": [ERASURE], "next": None}
