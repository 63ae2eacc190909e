"""A ledger in memory, and imports into it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.collect.identifiers import IdentifierReader
from service.collect.imports import ImportOptions, import_file
from service.collect.native import Sender
from service.kit.time import from_micros
from service.ledger.append import Batch, NewFact, Receipt
from service.ledger.keys import Caller

NOW = datetime(2026, 3, 10, tzinfo=UTC)
SENDER = Sender(
    Caller(1, 1, "files", frozenset({"facts"})), NOW, IdentifierReader(b"sixteen bytes ..", None)
)


class Shelf:
    """A ledger in memory: the first fact of a name stays."""

    def __init__(self) -> None:
        self.facts: dict[str, NewFact] = {}
        self.batches: list[int] = []

    def __call__(self, batch: Batch) -> Receipt:
        receipt = Receipt(refused=list(batch.refused))
        self.batches.append(len(batch.facts) + len(batch.refused))
        for fact in batch.facts:
            known = self.facts.setdefault(fact.fact_id or f"{fact.subject}{fact.payload}", fact)
            assert (known.payload, known.type) == (fact.payload, fact.type)
            receipt.accepted += known is fact
            receipt.duplicates += known is not fact
        receipt.watermark = len(self.facts)
        return receipt

    def payloads(self) -> list[tuple[str, str, Any]]:
        return [
            (fact.type, from_micros(fact.occurred_at).isoformat(), json.loads(fact.payload))
            for fact in self.facts.values()
        ]


def run(path: Path, kind: Any, shelf: Shelf, **options: Any) -> dict[str, Any]:
    return import_file(path, ImportOptions(kind, **options), SENDER, shelf)
