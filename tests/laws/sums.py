"""What the facts of a world come to in one currency, in plain Python."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from service.kit.money import count_to_number, to_number
from service.kit.time import from_micros
from service.reports.question import Question
from tests.laws import oracle
from tests.laws.ledgers import RATE_DAYS, Ledger
from tests.laws.worlds import World

DIGITS = {"EUR": 2, "UAH": 2, "KWD": 3}


def factor(world: World, day: date, base: str, quote: str) -> Fraction | None:
    """Minor units of quote for one of base, to 14 decimals: the day's posted rate or its inverse,
    else that of the latest of the days before it. The worlds' rates are all posted."""
    if base == quote:
        return Fraction(1)
    posted = {(r["base"], r["quote"], r["date"]): r["rate"] for r in world if r["kind"] == "rate"}
    for age in range(RATE_DAYS + 1):
        on = (day - timedelta(days=age)).isoformat()
        if (base, quote, on) in posted:
            rate = Decimal(posted[base, quote, on])
        elif (quote, base, on) in posted:
            rate = 1 / Decimal(posted[quote, base, on])
        else:
            continue
        scaled = rate * Decimal(10) ** (DIGITS[quote] - DIGITS[base])
        return Fraction(scaled.quantize(Decimal("1E-14")))
    return None


def converted(world: World, amount: int, currency: str, day: date, into: str) -> int:
    """Rounded half away from zero; 0 where there is no rate (such amounts are told apart)."""
    found = factor(world, day, currency, into)
    if found is None:
        return 0
    size = int(abs(amount) * found + Fraction(1, 2))
    return size if amount >= 0 else -size


def value_of(world: World, conversion: oracle.Conversion, currency: str) -> int:
    """What a conversion is worth, each part at the rate of its own day."""
    return sum(
        converted(world, amount, of, from_micros(at).date(), currency)
        for _, amount, of, at in conversion.amounts
    )


def totals(world: World, question: Question) -> dict[str, Any]:
    """Conversions and value of the question's period, by the clock of the conversion."""
    people = oracle.people_of(world)
    stage = "won" if question.conversion == "repeat" else question.conversion
    found = [
        c
        for c in oracle.conversions_of(world, people).values()
        if c.conversion_id.startswith(f"{stage}:")
    ]
    if question.conversion == "repeat":
        found = _repeated(found)
    period = question.period
    inside = [c for c in found if period.start_micros <= c.occurred_at < period.end_micros]
    value = sum(value_of(world, c, question.currency) for c in inside)
    return {
        "conversions": count_to_number(1_000_000 * len(inside)),
        "value": to_number(value, question.currency),
    }


def _repeated(wins: list[oracle.Conversion]) -> list[oracle.Conversion]:
    """All but the first of each customer, over all time."""
    first: set[str] = set()
    found = []
    for win in sorted(wins, key=lambda c: (c.occurred_at, c.conversion_id)):
        if win.person in first:
            found.append(win)
        elif win.person is not None:
            first.add(win.person)
    return found


def spend(world: World, question: Question, ledger: Ledger) -> Decimal:
    """The latest statement of each line of the period; ties by the name the ledger gives it."""
    latest: dict[tuple[Any, ...], tuple[datetime, str, dict[str, Any]]] = {}
    for line in world:
        if line["kind"] == "spend":
            names = ("sender", "date", "source", "medium", "campaign")
            key = tuple(line.get(name) for name in names)
            said = (datetime.fromisoformat(line["stated_at"]), ledger.name_of(line), line)
            latest[key] = max(latest.get(key, said), said, key=lambda s: s[:2])
    total = 0
    for *_, line in latest.values():
        day = date.fromisoformat(line["date"])
        if question.period.start.date() <= day < question.period.end.date():
            amount = oracle.minor(line["amount"].removeprefix("-"), line["currency"])
            sign = -1 if line["amount"].startswith("-") else 1
            total += converted(world, sign * amount, line["currency"], day, question.currency)
    return Decimal(total) / 10 ** DIGITS[question.currency]
