"""The arithmetic of one credit written out with a journey's own numbers, as a person would check it."""

from dataclasses import dataclass
from fractions import Fraction

DIGITS = 4


@dataclass(frozen=True)
class Working:
    """Where the weight of one touch of one journey comes from.

    Attributes:
        text: the model's formula with the numbers put in, for example
            `2^(-3.5d / 7d) = 0.7071`.
        weight: the weight as the formula gives it, exact where it is rational; only proportions
            inside the journey count.
    """

    text: str
    weight: Fraction | float


def number(value: Fraction | float) -> str:
    """A number to read: whole ones as they are, others with four decimals or four digits."""
    if value == int(value):
        return str(int(value))
    if -0.001 < value < 0.001:
        return f"{float(value):.{DIGITS}g}"
    return f"{float(value):.{DIGITS}f}".rstrip("0").rstrip(".")


def sum_of(workings: list[Working]) -> Fraction | float:
    """What the weights add up to."""
    total: Fraction | float = Fraction(0)
    for working in workings:
        total += working.weight
    return total


def shares_of(workings: list[Working]) -> list[Fraction | float] | None:
    """Each weight divided by their sum; None where they add up to nothing."""
    total = sum_of(workings)
    return [working.weight / total for working in workings] if total else None


def divided(working: Working, total: Fraction | float) -> str:
    """The step from a weight to the share: `2^(-3.5d / 7d) = 0.7071; divided by the sum 1.9 = 0.3722`."""
    if not total:
        return working.text
    return f"{working.text}; divided by the sum {number(total)} = {number(working.weight / total)}"
