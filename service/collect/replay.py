"""What lies in the quarantine, read again: as it was sent or mended, with today's configuration.

An item is read by the reader that refused it, as the sender it came from, with the moment at which
it arrived; what a public key sent is read as a public key's for ever. So a replay gives the fact
that would have been stored had the item been right at once, and repeating it changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Engine

from service.collect.bots import Judge
from service.collect.consent import Policy
from service.collect.crm import UnmappedStage
from service.collect.formats import formats
from service.collect.hooks import HookFormat, validated
from service.collect.identifiers import IdentifierReader
from service.collect.intake import check_size, storable, to_facts
from service.collect.mending import mended
from service.collect.native import Sender, to_fact
from service.collect.rates import to_rate_fact
from service.collect.spend import to_spend_fact
from service.kit.errors import Conflict, NotFound, Refusal, ThroughlineError
from service.ledger.append import NewFact
from service.ledger.configuration import write_setting
from service.ledger.hooks import list_hooks, setting_of
from service.ledger.keys import Caller
from service.ledger.quarantine import (
    TAKEN,
    append_replayed,
    dismiss_quarantined,
    find_quarantined,
    open_ids,
)

AT_ONCE: Final = 1_000
"""Most items of one call."""

SHOWN: Final = 100
"""Most refusals of one call that are told one by one."""

Item = Mapping[str, Any]


@dataclass(slots=True)
class Replayed:
    """What became of many items: facts accepted, facts that were there already, and the items that
    are still refused, of which the first SHOWN are told. `next`: the id after which to go on."""

    items: int = 0
    accepted: int = 0
    duplicates: int = 0
    refused: int = 0
    reasons: list[dict[str, Any]] = field(default_factory=list)
    watermark: int = 0
    next: int | None = None


@dataclass(frozen=True)
class Mender:
    """Whoever replays, dismisses and maps, for one deployment; `changed` is called after facts were
    stored or options changed."""

    engine: Engine
    reader: IdentifierReader
    clock: Callable[[], datetime]
    currency: str
    max_bytes: int
    policy: Policy = "honour"
    judge: Judge = field(default_factory=Judge)
    changed: Callable[[], None] = lambda: None

    def replay(self, item_id: int, message: Any = None) -> dict[str, Any]:
        """Read one item again, or the message given in its place, and store what comes of it.

        An item that was replayed before gives its outcome and nothing else. Raises NotFound;
        Refusal where it still cannot be taken, and then it stays; Conflict for another message in
        the place of one that was taken.
        """
        item = find_quarantined(self.engine, item_id)
        if item["outcome"] in TAKEN:
            if message is not None:
                raise Conflict(
                    "quarantine_ended",
                    f"Item {item_id} was replayed before; send a correction as a new event.",
                )
            return _told(item_id, item["outcome"])
        facts = self.facts_of(item, message)
        receipt = append_replayed(self.engine, item_id, facts, self.clock())
        self.changed()
        ended = find_quarantined(self.engine, item_id)
        return _told(
            item_id, ended["outcome"], receipt.accepted, receipt.duplicates, receipt.watermark
        )

    def replay_many(
        self,
        ids: Sequence[int] | None = None,
        source: str | None = None,
        code: str | None = None,
        replace: Mapping[str, Any] | None = None,
        remove: Sequence[str] = (),
        limit: int = AT_ONCE,
        after: int = 0,
    ) -> Replayed:
        """Replay these items, or the open ones of a source and a code, oldest first, each mended
        alike: `replace` gives a value by path, `remove` the paths to take out, see `mending`.

        At most `limit` of them, from the first above `after`; each is a transaction of its own.
        """
        if ids is None:
            chosen = open_ids(self.engine, limit, after, source, code)
        else:
            chosen = sorted({one for one in ids if one > after})[:limit]
        done = Replayed()
        for item_id in chosen:
            self._add(done, item_id, replace or {}, remove)
        more = len(chosen) == limit and (ids is None or chosen[-1] < max(ids))
        done.next = chosen[-1] if more else None
        return done

    def _add(
        self, done: Replayed, item_id: int, replace: Mapping[str, Any], remove: Sequence[str]
    ) -> None:
        try:
            message = None
            if replace or remove:
                item = find_quarantined(self.engine, item_id)
                message = mended(read_raw(item), replace, remove)
            told = self.replay(item_id, message)
        except (Refusal, Conflict, NotFound) as error:
            done.refused += 1
            if len(done.reasons) < SHOWN:
                done.reasons.append(_reason(item_id, error))
            return
        done.items += 1
        done.accepted += told["accepted"]
        done.duplicates += told["duplicates"]
        done.watermark = max(done.watermark, told["watermark"])

    def dismiss(self, item_id: int) -> dict[str, Any]:
        """End an item without taking it. Raises NotFound, or Conflict for one that was taken."""
        dismiss_quarantined(self.engine, item_id, self.clock())
        return _told(item_id, "dismissed")

    def facts_of(self, item: Item, message: Any = None) -> list[NewFact]:
        """The facts of an item, or of the message in its place. Raises Refusal."""
        if message is None:
            if item["format"] == "fact":
                raise Refusal(
                    "not_replayable",
                    "id",
                    "its id was used before with other content; give it another id",
                )
            message = read_raw(item)
        facts = self._read(item, message)
        for fact in facts:
            check_size(fact, self.max_bytes)
        return facts

    def _read(self, item: Item, message: Any) -> list[NewFact]:
        name = item["format"]
        if name in _READERS:
            return [_READERS[name](message, 0, self.sender_of(item))]
        wire = formats().get(name)
        if wire is None:
            raise Refusal("not_replayable", "", f"this version does not read the format {name}")
        options = None
        if isinstance(wire, HookFormat):
            options = validated(name, self.hook_of(item)["options"])
        return to_facts(message, 0, self.sender_of(item, options), wire)

    def sender_of(self, item: Item, options: Any = None) -> Sender:
        """Whoever sent the item, as far as it matters for reading it."""
        scopes = {"collect"} if "public" in item["marks"] else {"collect", "facts"}
        signal = next((mark for mark in item["marks"] if mark in ("denied", "granted")), None)
        return Sender(
            Caller(0, item["source_id"], item["source"], frozenset(scopes)),
            datetime.fromisoformat(item["received_at"]),
            self.reader,
            options=options,
            currency=self.currency,
            policy="honour" if options is not None else self.policy,
            signal=signal,
            judge=self.judge,
        )

    def hook_of(self, item: Item) -> dict[str, Any]:
        """The hook that the item came by: the newest of its source and format, ended ones last.

        Raises Refusal where there is none.
        """
        hooks = [
            hook
            for hook in list_hooks(self.engine)
            if hook["kind"] == item["format"] and hook["source"] == item["source"]
        ]
        if not hooks:
            raise Refusal(
                "not_replayable", "", f"{item['source']} has no hook of the kind {item['format']}"
            )
        return max(hooks, key=lambda hook: (hook["revoked_at"] is None, hook["id"]))

    def unmapped_status(self, item: Item) -> str | None:
        """The status of theirs for want of whose meaning the item waits; None where it waits for
        something else."""
        wire = formats().get(item["format"])
        if item["code"] != "unmapped_stage" or not isinstance(wire, HookFormat):
            return None
        try:
            options = validated(wire.name, self.hook_of(item)["options"])
            wire.rewrite(read_raw(item), 0, self.sender_of(item, options))
        except UnmappedStage as unmapped:
            return unmapped.statuses[0]
        except Refusal:
            return None
        return None

    def map_stage(self, item_id: int, stage: str, author: str) -> str:
        """Say what the item's status means, as a new version of its hook's options; returns the
        status. Facts taken before keep what they were taken as.

        Raises NotFound; Refusal where the item waits for something else, or for an unknown stage.
        """
        item = find_quarantined(self.engine, item_id)
        status = self.unmapped_status(item)
        if status is None:
            raise Refusal("not_unmapped", "stage", "this item does not wait for a stage's meaning")
        hook = self.hook_of(item)
        stages = {**hook["options"].get("stages", {}), status: stage}
        options = validated(hook["kind"], {**hook["options"], "stages": stages})
        told = options.model_dump(exclude_defaults=True)
        write_setting(self.engine, setting_of(hook["id"]), told, self.clock(), author)
        self.changed()
        return status


_READERS: Final[Mapping[str, Callable[[Any, int, Sender], NewFact]]] = {
    "native": to_fact,
    "fact": to_fact,
    "spend": to_spend_fact,
    "rates": to_rate_fact,
}


def read_raw(item: Item) -> Any:
    """The message as it was sent. Raises Refusal where not all of it was kept, or it was no JSON."""
    try:
        return orjson.loads(item["raw"])
    except orjson.JSONDecodeError:
        raise Refusal(
            "not_replayable",
            "",
            "it is no whole JSON (at most 32 KiB of it were kept); give it anew, or send it again",
        ) from None


def _told(
    item_id: int, outcome: str, accepted: int = 0, duplicates: int = 0, watermark: int = 0
) -> dict[str, Any]:
    return {
        "id": item_id,
        "outcome": outcome,
        "accepted": accepted,
        "duplicates": duplicates,
        "watermark": watermark,
    }


def _reason(item_id: int, error: ThroughlineError) -> dict[str, Any]:
    name = error.field if isinstance(error, Refusal) else ""
    return {
        "id": item_id,
        "code": error.code,
        "field": storable(name),
        "detail": storable(error.detail),
    }
