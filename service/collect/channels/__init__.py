"""Channel rules: which channel a touchpoint belongs to, and what its source and medium are."""

from service.collect.channels.classify import Classified, Dimensions, classify
from service.collect.channels.rules import (
    RULES_VERSION,
    ChannelClass,
    channel_of,
    click_ids,
    describe_channels,
)
from service.collect.channels.values import clean_value

__all__ = [
    "RULES_VERSION",
    "ChannelClass",
    "Classified",
    "Dimensions",
    "channel_of",
    "classify",
    "clean_value",
    "click_ids",
    "describe_channels",
]
