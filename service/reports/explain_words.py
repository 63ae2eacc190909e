"""The last steps of a worked credit in words: from a share to money or conversions."""

from dataclasses import dataclass
from fractions import Fraction

from service.attribution.working import number
from service.kit.money import COUNT_UNIT, to_text


@dataclass(frozen=True)
class Measure:
    """Value or conversions of one question, in whole units, as people read them.

    Attributes:
        currency: of the value; None of conversions, counted in millionths.
    """

    currency: str | None

    def bare(self, units: int) -> str:
        """`37.22`, or `0.3722` of conversions."""
        if self.currency is None:
            return f"{units / COUNT_UNIT:.6f}".rstrip("0").rstrip(".")
        return to_text(units, self.currency)

    def said(self, units: int) -> str:
        """`100.00 EUR`, or `1 conversion`."""
        if self.currency is None:
            return f"{self.bare(units)} conversion{'' if units == COUNT_UNIT else 's'}"
        return f"{self.bare(units)} {self.currency}"

    def part(self, share: Fraction | float, whole: int, credit: int) -> str:
        """`of 100.00 EUR = 37.22`, and where rounding up has decided, that it did."""
        nearest = round(share * whole)
        if nearest == credit:
            return f"of {self.said(whole)} = {self.bare(credit)}"
        exact = number(float(share) * float(self.bare(whole)))
        return f"of {self.said(whole)} = {exact}, rounded to {self.bare(credit)} so that all add up"


def over_touches(count: int) -> str:
    """What a step of several touches adds."""
    return f"; divided equally over the {count} touches of its step" if count > 1 else ""
