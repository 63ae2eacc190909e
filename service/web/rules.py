"""The configuration of reports in words: its rules, and what differs between two of its versions."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

from service.collect.channels.rules import channels, known_channel
from service.reports.configuration import ChannelRule, Configuration, Exclusion, Touched
from service.web import words

SAME = "Nothing: it says the same."
MATCHED = {
    "source": "source",
    "medium": "medium",
    "campaign": "campaign",
    "campaign_id": "campaign id",
    "content": "content",
    "term": "term",
    "touch_kind": "kind of touch",
    "channel": "channel",
    "referrer_host": "host they came from",
    "landing_host": "host they reached",
}
CLASSES = {"paid": "paid", "owned": "owned", "earned": "earned", "none": "no class"}
Rule = TypeVar("Rule", ChannelRule, Exclusion)
Named = tuple[str, int]
"""What a rule matches, and which of the rules that match the same it is."""


def match(touched: Touched) -> str:
    """What a rule applies to: all of it has to fit."""
    return ", ".join(
        f"{MATCHED[name]} “{text}”" if text else f"no {MATCHED[name]}"
        for name, text in touched.given.items()
    )


def channel(rule: ChannelRule) -> str:
    """The channel that a rule gives, as reports name it."""
    known = known_channel(rule.channel.strip())
    return words.channel(known.id if known else rule.channel.strip())


def channel_class(rule: ChannelRule) -> str:
    """Who made the contact happen: what the rule says, else what its built-in channel is."""
    known = known_channel(rule.channel.strip())
    kind = rule.channel_class or (channels()[known.id].channel_class if known else None)
    return CLASSES[kind] if kind else "as it was"


def lookback(text: str) -> str:
    return words.LOOKBACKS.get(text, text)


def meaning(stage: str) -> str:
    """What a status of a CRM stands for: `lost:price` as "Lost: price"."""
    name, _, why = stage.partition(":")
    told = "Left out" if name == "ignore" else words.stage(name)
    return f"{told}: {why}" if why else told


def changes(before: Configuration, after: Configuration) -> list[str]:
    """What differs from one version to a later one, a sentence each; empty where they say the same."""
    return [
        *_rules(before.channel_rules, after.channel_rules),
        *_exclusions(before.exclusions, after.exclusions),
        *_usual("Usual model", words.model(before.default_model), words.model(after.default_model)),
        *_usual("Usual lookback", lookback(before.lookback), lookback(after.lookback)),
        *_presets(before.model_presets, after.model_presets),
    ]


def _usual(name: str, old: str, new: str) -> list[str]:
    return [f"{name} from {old} to {new}."] if old != new else []


def _rules(before: Iterable[ChannelRule], after: Iterable[ChannelRule]) -> list[str]:
    old, new = _by_match(before), _by_match(after)
    told = [f"Rule removed: {_rule(rule)}." for name, rule in old.items() if name not in new]
    for name, rule in new.items():
        if name not in old:
            told.append(f"Rule added: {_rule(rule)}.")
        elif _given(rule) != _given(old[name]):
            told.append(
                f"Rule changed: {match(rule.match)} from {_given(old[name])} to {_given(rule)}."
            )
    if [name for name in old if name in new] != [name for name in new if name in old]:
        told.append("Rules in another order; the first that fits decides.")
    return told


def _rule(rule: ChannelRule) -> str:
    return f"{match(rule.match)} is {_given(rule)}"


def _given(rule: ChannelRule) -> str:
    kind = channel_class(rule)
    return f"{channel(rule)} ({kind if kind in CLASSES.values() else f'class {kind}'})"


def _exclusions(before: Iterable[Exclusion], after: Iterable[Exclusion]) -> list[str]:
    old, new = _by_match(before), _by_match(after)
    removed = [
        f"Exclusion removed: {_excluded(each)}." for name, each in old.items() if name not in new
    ]
    added = [
        f"Exclusion added: {_excluded(each)}." for name, each in new.items() if name not in old
    ]
    noted = [
        f"Exclusion with another note: {_excluded(each)}."
        for name, each in new.items()
        if name in old and old[name].note != each.note
    ]
    return [*removed, *added, *noted]


def _excluded(each: Exclusion) -> str:
    return f"{match(each.match)} ({each.note})" if each.note else match(each.match)


def _presets(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    told = [f"Preset removed: {name}." for name in sorted(before) if name not in after]
    for name, text in sorted(after.items()):
        if name not in before:
            told.append(f"Preset added: {name}, {words.model(text)}.")
        elif before[name] != text:
            told.append(
                f"Preset changed: {name} from {words.model(before[name])} to {words.model(text)}."
            )
    return told


def _by_match(rules: Iterable[Rule]) -> dict[Named, Rule]:
    seen: Counter[str] = Counter()
    found = {}
    for rule in rules:
        # Letter case makes no difference to what fits.
        name = match(rule.match).casefold()
        found[name, seen[name]] = rule
        seen[name] += 1
    return found
