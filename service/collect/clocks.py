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
    sent = _read(sent_at, sent_name)
    return by_our_clock(parse_moment(claimed, name), sent, received_at, sent_name).isoformat()


def by_our_clock(
    moment: datetime, sent: datetime | None, received_at: datetime, sent_name: str
) -> datetime:
    """The same of moments that were read. Raises Refusal for one beyond the calendar."""
    if sent is not None and received_at - sent <= PLAUSIBLE_SKEW:
        # Nothing occurs after it was sent, whatever the clock says.
        moment = min(moment, sent)
        try:
            return (
                moment + (received_at - sent)
                if abs(received_at - sent) >= NOTICEABLE_SKEW
                else moment
            )
        except OverflowError:
            raise Refusal(
                "bad_timestamp",
                sent_name,
                f"{sent_name} lies thousands of years after the event",
            ) from None
    return min(moment, received_at) if moment - received_at <= TRUSTED_AHEAD else moment


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
