"""The words of ad networks' and trackers' postbacks: what they call a click, an amount, a status.

Sources: the postback documentation of Keitaro, AppMetrica, Taboola, Affise; lower case, `-` as `_`.
"""

from collections.abc import Mapping
from typing import Final

CLICKS: Final = (
    "subid", "sub_id", "clickid", "click_id", "cid", "aff_sub", "s2", "external_id",
    "tracking_uuid", "gclid", "wbraid", "gbraid", "msclkid", "yclid", "fbclid", "ttclid",
    "twclid", "tblci", "irclickid", "rb_clickid",
)  # fmt: skip

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "amount": ("payout", "revenue", "sum", "price", "amount", "goal_value"),
    "currency": ("currency", "currency_code", "cur"),
    "id": (
        "tid", "txid", "transaction_id", "orderid", "order_id", "conversion_id", "action_id",
    ),
    "status": ("status", "conversion_status", "goal_status"),
    "cost": ("cost",),
    "time": ("date", "datetime", "ts", "conversion_time", "conversion_datetime", "timestamp"),
    "touch_type": ("attributed_touch_type",),
    "touch_time": ("click_datetime", "click_time", "attributed_touch_time", "click_timestamp"),
    "reason": ("reason", "reject_reason", "comment"),
}  # fmt: skip
"""What a field may be called; the first that says something counts."""

_STAGES: Final = {
    "lead": "lead new hold pending wait waiting processing open registration reg install",
    "won": "sale approved approve confirmed confirm paid won success completed deposit ftd purchase "
    "rebill",
    "lost": "rejected reject declined decline trash cancelled canceled cancel fraud refund refunded "
    "chargeback invalid lost",
}
STAGES: Final[Mapping[str, str]] = {
    word: stage for stage, words in _STAGES.items() for word in words.split()
}
"""What statuses mean by themselves. A rejected conversion may have been a sale before, so that it
is a lost deal and no more than that."""

IN_ADDRESS: Final[Mapping[str, str]] = {f"{word}_status": stage for word, stage in STAGES.items()}
"""`sale_status=approved,confirmed` in the address: the network's words → ours."""
