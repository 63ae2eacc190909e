"""The clock of a sender's machine, corrected by when its message arrived here.

A visitor's clock may be hours wrong. Clients therefore say when they sent a message, too: how far
that lies from its arrival is the skew, and the moment of the event is moved by it. Only where that
is the skew of a clock, and not a queue that waited; what the client wrote stays in the fact as
`claimed_at`, so that a message sent again is a duplicate although its correction came out a little
different.

Source: Segment's documentation of the common fields.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from service.collect.native import TRUSTED_AHEAD, parse_moment
from service.kit.errors import Refusal

MAX_MOMENT: Final = 64
# A message sent later than this after its `sentAt` waited in a queue; its clock may be right.
PLAUSIBLE_SKEW: Final = timedelta(minutes=10)
# Less is what the network takes, for each message anew: corrected by it, a page and the order that
# followed it changed places.
NOTICEABLE_SKEW: Final = timedelta(seconds=1)


def corrected(
    claimed: str, name: str, sent_at: object, sent_name: str, received_at: datetime
) -> str:
    """When it occurred by our clock, ISO 8601.

    Args:
        claimed: what the client wrote, ISO 8601, the field `name` of a refusal.
        sent_at: when the client says it sent the message, the field `sent_name`; one that cannot
            be read corrects nothing.
    Raises: Refusal for a claim that is no moment.
    """
    moment = parse_moment(claimed, name)
    sent = _read(sent_at, sent_name)
    if sent is not None and received_at - sent <= PLAUSIBLE_SKEW:
        # Nothing occurs after it was sent, whatever the clock says.
        moment = min(moment, sent)
        try:
            if abs(received_at - sent) >= NOTICEABLE_SKEW:
                moment += received_at - sent
        except OverflowError:
            raise Refusal(
                "bad_timestamp",
                sent_name,
                f"{sent_name} lies thousands of years after the {name}",
            ) from None
    elif moment - received_at <= TRUSTED_AHEAD:
        moment = min(moment, received_at)
    return moment.isoformat()


def _read(value: object, name: str) -> datetime | None:
    """A moment of sending that cannot be read corrects nothing; the message is none the worse."""
    short = isinstance(value, str) and len(value) <= MAX_MOMENT
    return _read_once(value, name) if isinstance(value, str) and short else None


@lru_cache(64)  # it is that of its batch
def _read_once(text: str, name: str) -> datetime | None:
    try:
        return parse_moment(text, name)
    except Refusal:
        return None
