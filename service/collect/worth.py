"""What an order or a deal is worth, in minor units, as its fact holds it."""

from typing import Any

from service.kit.errors import Refusal
from service.kit.money import parse_amount


def add_money(
    written: dict[str, Any], amount: Any, currency: str | None, items: Any, part: str
) -> None:
    """Minor units of the amount and of the items' lines and costs; `cost_minor` is their sum,
    there only when every item has a cost."""
    if currency is None and (amount is not None or items):
        raise Refusal(
            "missing_currency", f"{part}.currency", "an amount needs its ISO 4217 `currency`"
        )
    if amount is not None:
        written["amount_minor"] = parse_amount(amount, currency or "", f"{part}.amount")
    if not items:
        return
    lines = []
    for position, item in enumerate(items):
        line = item.model_dump(exclude_none=True, exclude={"amount", "cost"})
        for name in ("amount", "cost"):
            if (value := getattr(item, name)) is not None:
                line[f"{name}_minor"] = parse_amount(
                    value, currency or "", f"{part}.items.{position}.{name}"
                )
        lines.append(line)
    written["items"] = lines
    if all("cost_minor" in line for line in lines):
        written["cost_minor"] = sum(line["cost_minor"] for line in lines)
