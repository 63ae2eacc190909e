"""Requests of recorded clients as calls, byte for byte, and the facts that became of them."""

import gzip
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from service.collect.wire import Call
from service.ledger.append import Batch
from tests.collect.sending import RECEIVED, call

_PAGES = ("/page.html", "/bundle.js")


def calls(
    folder: Path, name: str, received_at: datetime = RECEIVED, gzipped: bool = False
) -> Iterator[Call]:
    """What a recorded client sent to its service: no preflights, none of its own site's pages."""
    recorded = json.loads((folder / "captures" / f"{name}.json").read_text())["requests"]
    for request in recorded:
        if request["method"] == "OPTIONS" or request["path"] in _PAGES:
            continue
        parsed = request["body_json"]
        body = (request["body_text"] or "").encode()
        if parsed is not None:
            body = json.dumps(parsed).encode()
        yield call(
            request["path"],
            gzip.compress(body) if gzipped else body,
            urlencode([(field, value) for field, value in request["query"]]),
            dict(request["headers"]),
            received_at,
            request["method"],
        )


def payloads(batch: Batch) -> list[dict[str, Any]]:
    """The facts in their order, each with its type, without what was claimed of the time."""
    found = []
    for fact in batch.facts:
        payload = json.loads(fact.payload)
        payload.pop("claimed_at", None)
        found.append({"type": fact.type, **payload})
    return found


def reasons(batch: Batch) -> list[tuple[str, str]]:
    return [(refused.code, refused.field) for refused in batch.refused]
