"""From the items of a request to a batch for the ledger: the good ones as facts, the rest with
their reasons. Nothing good beside a bad item is lost."""

from collections.abc import Callable, Iterable
from typing import Any

from service.collect.body import Unreadable, raw_text
from service.collect.native import Sender, to_fact
from service.kit.errors import Refusal
from service.kit.time import to_micros
from service.ledger.append import Batch, NewFact, Receipt, Refused

Reader = Callable[[Any, int, Sender], NewFact | None]


def collect(
    items: Iterable[Any],
    sender: Sender,
    max_bytes: int,
    read: Reader = to_fact,
    first_index: int = 0,
) -> Batch:
    """Read every item.

    Args: items as parsed; max_bytes: largest fact; read: one wire format's reader, which gives
    a fact, None for what is rightly left out, or raises Refusal.
    """
    facts: list[NewFact] = []
    refused: list[Refused] = []
    for index, item in enumerate(items, first_index):
        try:
            if isinstance(item, Unreadable):
                raise item.refusal
            fact = read(item, index, sender)
            if fact is None:
                continue
            if len(fact.payload) > max_bytes:
                raise Refusal("too_large", "", f"an event holds at most {max_bytes} bytes")
            facts.append(fact)
        except Refusal as refusal:
            refused.append(refused_item(item, index, refusal, sender))
    return Batch(facts, refused)


def refused_item(item: Any, index: int, refusal: Refusal, sender: Sender) -> Refused:
    """The quarantine's view of an item."""
    identity = item.get("id", "") if isinstance(item, dict) else ""
    return Refused(
        source_id=sender.caller.source_id,
        index=index,
        code=refusal.code,
        field=storable(refusal.field),
        detail=storable(refusal.detail),
        received_at=to_micros(sender.received_at),
        fact_id=storable(identity) if isinstance(identity, str) else "",
        raw=storable(raw_text(item)),
    )


def storable(text: str) -> str:
    """Text that both databases take: no NUL, no lone surrogate."""
    return text.replace("\x00", "\\u0000").encode(errors="backslashreplace").decode()


def receipt_dict(receipt: Receipt, sender: Sender) -> dict[str, Any]:
    """The answer to a sender, item by item."""
    answer: dict[str, Any] = {
        "accepted": receipt.accepted,
        "duplicates": receipt.duplicates,
        "rejected": [
            {"index": r.index, "code": r.code, "field": r.field, "detail": r.detail}
            for r in sorted(receipt.refused, key=lambda r: r.index)
        ],
        "watermark": receipt.watermark,
    }
    if sender.adjusted:
        answer["adjusted"] = sender.adjusted
    return answer


def receipt_status(receipt: Receipt) -> int:
    """202 where something was accepted, 200 where all were duplicates, else 422."""
    if receipt.accepted:
        return 202
    if receipt.duplicates or not receipt.refused:
        return 200
    return 422
