"""From the items of a request to a batch for the ledger: the good ones as facts, the rest with
their reasons. Nothing good beside a bad item is lost."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from service.collect.body import Unreadable, raw_text
from service.collect.native import Sender, to_fact
from service.collect.wire import Format, in_their_words
from service.kit.errors import Refusal
from service.kit.time import to_micros
from service.ledger.append import Batch, Ignored, NewFact, Receipt, Refused

Reader = Callable[[Any, int, Sender], NewFact]


def to_facts(message: Any, index: int, sender: Sender, wire: Format) -> list[NewFact]:
    """The canonical facts of a message of the format. Raises Refusal in the sender's own words."""
    try:
        return [
            to_fact(event, index, sender, event.pop("claimed_at", None))
            for event in wire.rewrite(message, index, sender)
        ]
    except Refusal as refusal:
        named = in_their_words(refusal.field, wire.words)
        raise Refusal(refusal.code, named, refusal.detail) from None


def collect_messages(
    messages: Iterable[Any], sender: Sender, wire: Format, max_bytes: int
) -> Batch:
    """Read every message of a request; one that cannot be read costs no other, and one of which
    nothing is to be kept is counted as `ignored`.

    Args: messages as of `wire.Endpoint.messages`; max_bytes: largest fact.
    """
    facts: list[NewFact] = []
    refused: list[Refused] = []
    ignored = 0
    for index, message in enumerate(messages):
        try:
            if isinstance(message, Unreadable):
                raise message.refusal
            found = to_facts(message, index, sender, wire)
            for fact in found:
                check_size(fact, max_bytes)
            facts += found
            ignored += not found
        except Refusal as refusal:
            refused.append(_refused_message(message, index, refusal, sender, wire))
    left_out = Ignored(sender.caller.source_id, ignored, to_micros(sender.received_at))
    return Batch(facts, refused, ignored=left_out if ignored else None)


def _refused_message(
    message: Any, index: int, refusal: Refusal, sender: Sender, wire: Format
) -> Refused:
    if isinstance(message, Unreadable):
        shown, identity = message, message.identity
    else:
        shown, identity = wire.shown(message), wire.identity(message)
    refused = refused_item(shown, index, refusal, sender, wire.name)
    return replace(refused, fact_id=storable(identity))


def check_size(fact: NewFact, max_bytes: int) -> None:
    if len(fact.payload) > max_bytes:
        raise Refusal("too_large", "", f"an event holds at most {max_bytes} bytes")


def collect(
    items: Iterable[Any],
    sender: Sender,
    max_bytes: int,
    read: Reader = to_fact,
    first_index: int = 0,
    form: str = "native",
) -> Batch:
    """Read every item.

    Args: items as parsed; max_bytes: largest fact; read: the reader of one kind of item, which
    gives a fact or raises Refusal; form: the reader's name in the quarantine, see `replay`.
    """
    facts: list[NewFact] = []
    refused: list[Refused] = []
    for index, item in enumerate(items, first_index):
        try:
            if isinstance(item, Unreadable):
                raise item.refusal
            fact = read(item, index, sender)
            check_size(fact, max_bytes)
            facts.append(fact)
        except Refusal as refusal:
            refused.append(refused_item(item, index, refusal, sender, form))
    return Batch(facts, refused)


def refused_item(
    item: Any, index: int, refusal: Refusal, sender: Sender, form: str = "native"
) -> Refused:
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
        format=form,
        marks=marks_of(sender),
    )


def marks_of(sender: Sender) -> tuple[str, ...]:
    """What of a request its messages do not say and a later reader must know."""
    public = ("public",) if sender.is_public else ()
    return (*public, sender.signal) if sender.signal else public


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
