"""The channel rules: GA4's default channel group, its order, patterns and traps, and its tables.

Source: Google Analytics help 9756891 "Default channel group". The tables in the TOML files beside
this module are our own. Whoever changes a rule or a table changes RULES_VERSION: derived data
carries it, so that the same ledger under the same version gives the same numbers.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

from service.collect.channels.hosts import read_table, site_of_source

RULES_VERSION = "2026-11"

ChannelClass: TypeAlias = Literal["paid", "owned", "earned", "none"]
ClickClass: TypeAlias = Literal["paid", "affiliate", "email", "organic", "none"]

DIRECT = "direct"
DIRECT_SOURCE = "(direct)"
DIRECT_MEDIUM = "(none)"
NOT_SET = "(not set)"
ASSISTANT_MEDIUM = "ai-assistant"
ASSISTANT_CAMPAIGN = "(ai-assistant)"


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel: snake_case id, title for people, and who made the contact happen."""

    id: str
    title: str
    channel_class: ChannelClass


@dataclass(frozen=True, slots=True)
class ClickId:
    """What a link parameter such as `gclid` says about the click that carried it."""

    name: str
    source: str
    medium: str
    campaign: str | None
    click_class: ClickClass


@cache
def channels() -> dict[str, Channel]:
    """Every channel by id, in the order of the rules."""
    return {
        name: Channel(name, row["title"], row["class"])
        for name, row in read_table("channels").items()
    }


@cache
def click_ids() -> dict[str, ClickId]:
    """Every known click id by lower-case name; the strongest evidence first inside a class."""
    return {
        name: ClickId(name, row["source"], row["medium"], row.get("campaign"), row["class"])
        for name, row in read_table("click_ids").items()
    }


@cache
def _ids_by_name() -> dict[str, str]:
    return {
        _slug(name): channel.id
        for channel in channels().values()
        for name in (channel.id, channel.title)
    }


def _slug(name: str) -> str:
    return name.lower().replace(" ", "_").replace("-", "_")


def known_channel(name: str) -> Channel | None:
    """The channel an id or a title means, in any letter case; None for a channel of one's own."""
    channel_id = _ids_by_name().get(_slug(name))
    return channels()[channel_id] if channel_id else None


def describe_channels() -> list[dict[str, str]]:
    """`{id, title, class}` of every channel, in the order of the rules."""
    return [
        {"id": channel.id, "title": channel.title, "class": channel.channel_class}
        for channel in channels().values()
    ]


@dataclass(frozen=True, slots=True)
class Naming:
    """What the rules look at; all lower case, empty where missing. `kind`: the source's kind."""

    source: str
    medium: str
    campaign: str
    kind: str | None

    @property
    def is_paid(self) -> bool:
        return _PAID.fullmatch(self.medium) is not None

    @property
    def is_shopping(self) -> bool:
        return self.kind == "shopping" or _SHOP.fullmatch(self.campaign) is not None


# GA4's own patterns. The second means "shop" at the start, or after anything but a letter other
# than e: eshop and spring-shop are shops, workshop is not.
_PAID = re.compile(r"(.*cp.*|ppc|retargeting|paid.*)", re.DOTALL)
_SHOP = re.compile(r"(.*(([^a-df-z]|^)shop|shopping).*)", re.DOTALL)
_EMAIL = re.compile(r"email|e-mail|e_mail|e mail")
_DISPLAY = frozenset({"display", "banner", "expandable", "interstitial", "cpm"})
_SOCIAL = frozenset(
    {"social", "social-network", "social-media", "sm", "social network", "social media"}
)
_REFERRAL = frozenset({"referral", "app", "link"})


def _is_direct(name: Naming) -> bool:
    if not name.source and not name.medium:
        return True
    return name.source == DIRECT_SOURCE and name.medium in (DIRECT_MEDIUM, NOT_SET)


def _is_email(name: Naming) -> bool:
    return bool(_EMAIL.search(name.source) or _EMAIL.search(name.medium))


def _is_push(name: Naming) -> bool:
    medium = name.medium
    return (
        medium.endswith("push")
        or "mobile" in medium
        or "notification" in medium
        or name.source == "firebase"
    )


# First match wins. `cpm` reaches display only because the paid rules above want a known source.
_RULES: tuple[tuple[str, Callable[[Naming], bool]], ...] = (
    (DIRECT, _is_direct),
    ("cross_network", lambda name: "cross-network" in name.campaign),
    ("paid_shopping", lambda name: name.is_shopping and name.is_paid),
    ("paid_search", lambda name: name.kind == "search" and name.is_paid),
    ("paid_social", lambda name: name.kind == "social" and name.is_paid),
    ("paid_video", lambda name: name.kind == "video" and name.is_paid),
    ("display", lambda name: name.medium in _DISPLAY),
    ("paid_other", lambda name: name.is_paid),
    ("organic_shopping", lambda name: name.is_shopping),
    ("organic_social", lambda name: name.kind == "social" or name.medium in _SOCIAL),
    ("organic_video", lambda name: name.kind == "video" or "video" in name.medium),
    ("organic_search", lambda name: name.kind == "search" or name.medium == "organic"),
    ("ai_assistant", lambda name: name.medium == ASSISTANT_MEDIUM),
    ("referral", lambda name: name.medium in _REFERRAL),
    ("email", _is_email),
    ("affiliates", lambda name: name.medium == "affiliate"),
    ("audio", lambda name: name.medium == "audio"),
    ("sms", lambda name: "sms" in (name.source, name.medium)),
    ("mobile_push", _is_push),
)


def channel_of(source: str | None, medium: str | None, campaign: str | None) -> str:
    """The channel id of a source, medium and campaign name; `unassigned` where no rule matches.

    Letter case does not matter. A source counts as search, social, video or shopping by its name
    (`fb`) or as a host (`m.facebook.com`). Source and medium both missing is `direct`.
    """
    site = site_of_source(source) if source else None
    name = Naming(
        source=(source or "").lower(),
        medium=(medium or "").lower(),
        campaign=(campaign or "").lower(),
        kind=site.kind if site else None,
    )
    return next((channel for channel, matches in _RULES if matches(name)), "unassigned")
