"""Value added tax in what an account was billed, and taking it off without losing a cent."""

import re
from decimal import Decimal

from service.kit.errors import Refusal
from service.kit.money import allocate

_RATE = re.compile(r"\d{1,3}(?:\.\d{1,4})?")
LARGEST_RATE = 100


def parse_rate(text: str, field: str = "vat_rate") -> str:
    """A rate in per cent as canonical text, such as `20` or `8.1`.

    Raises: Refusal `bad_rate` for anything but a number above 0, at most 100, with at most four
    decimals.
    """
    text = text.strip().removesuffix("%").rstrip()
    rate = Decimal(text) if _RATE.fullmatch(text) else Decimal(0)
    if not 0 < rate <= LARGEST_RATE:
        raise Refusal(
            "bad_rate", field, f"{text[:20]!r} is not a rate in per cent; write it like 20 or 8.1"
        )
    plain = f"{rate:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def net_and_tax(billed: int, rate: str) -> tuple[int, int]:
    """What was billed with tax, in minor units, as net amount and tax; they add up to it.

    Args: rate as of `parse_rate`. The mirror of a negative amount is that of its positive.
    """
    tax = Decimal(rate) * 10_000
    net, taxed = allocate(billed, [100 * 10_000, int(tax)])
    return net, taxed
