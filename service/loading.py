"""Bulk ways into the ledger beside HTTP: the demo world and file imports, over the same pipeline."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, cast, get_args

import orjson
from sqlalchemy import Engine

from service.collect.identifiers import IdentifierReader
from service.collect.imports import ImportOptions, import_file
from service.collect.imports import Progress as ImportProgress
from service.collect.intake import collect
from service.collect.mapping import Kind, parse_mapping
from service.collect.native import Sender
from service.collect.pulls.asking import PullError
from service.collect.pulls.options import PullOptions
from service.collect.pulls.run import Puller
from service.collect.rates import to_rate_fact
from service.collect.replay import SHOWN, Mender, Replayed
from service.collect.rows import Reading
from service.collect.spend import collect_spend
from service.demo.world import World, build_world
from service.kit.errors import Conflict, NotFound, Refusal, ThroughlineError
from service.ledger.append import Batch, Receipt, append
from service.ledger.keys import Caller, ensure_source_id
from service.ledger.read import last_seq

FACTS_AT_ONCE = 2_000
SERVER = frozenset({"collect", "facts"})
Progress = Callable[[int, int], None]


def sender_for(engine: Engine, source: str, reader: IdentifierReader, now: datetime) -> Sender:
    """A server-side sender of that source, made where there is none."""
    return Sender(Caller(0, ensure_source_id(engine, source, now), source, SERVER), now, reader)


def load_demo(
    engine: Engine, reader: IdentifierReader, now: datetime, progress: Progress = lambda *_: None
) -> int:
    """The demo world of the year up to today into an empty ledger; returns how many facts.

    Raises Conflict when the ledger holds facts already.
    """
    if last_seq(engine):
        raise Conflict(
            "ledger_not_empty",
            "The demo world goes into an empty ledger only; use another data folder.",
        )
    world = build_world(now.astimezone(UTC).date())
    total = sum(map(len, world.sources.values())) + sum(map(len, world.spend.values()))
    done = 0
    for batch in _batches(engine, world, reader, now):
        receipt = append(engine, [batch])[0]
        _check(receipt)
        done += receipt.accepted
        progress(done, total + len(world.rates))
    return done


def _batches(
    engine: Engine, world: World, reader: IdentifierReader, now: datetime
) -> Iterator[Batch]:
    sender = sender_for(engine, "exchange-rates", reader, now)
    for chunk in _chunks(world.rates):
        yield collect(chunk, sender, 32_768, to_rate_fact)
    for source, facts in sorted(world.sources.items()):
        sender = sender_for(engine, source, reader, now)
        for chunk in _chunks(facts):
            yield collect(chunk, sender, 32_768)
    for source, lines in sorted(world.spend.items()):
        sender = sender_for(engine, source, reader, now)
        for chunk in _chunks(lines):
            yield collect_spend(chunk, sender, 32_768)


def _chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, FACTS_AT_ONCE)):
        yield chunk


def _check(receipt: Receipt) -> None:
    if receipt.refused:
        first = receipt.refused[0]
        raise ThroughlineError(
            "demo_refused", f"{first.code} at {first.field}: {first.detail}; {first.raw[:300]}"
        )


def pull_now(
    puller: Puller, pulls: Sequence[PullOptions], source: str | None, since: date | None
) -> Iterator[tuple[PullOptions, dict[str, Any] | PullError]]:
    """Run pulls, due or not: each with its receipt, or why it failed.

    Args: source: only this one. Raises: NotFound where no pull is called so.
    """
    chosen = [pull for pull in pulls if source in (None, pull.source)]
    if not chosen:
        known = ", ".join(pull.source for pull in pulls) or "none"
        raise NotFound("no_such_pull", f"There is no such pull; configured: {known}.")
    for pull in chosen:
        try:
            yield pull, puller.run(pull, since) or {}
        except PullError as error:
            yield pull, error


def import_options(
    kind: str,
    mapping: Path | None,
    fields: Sequence[str],
    timezone: str | None,
    encoding: str,
    delimiter: str | None,
    decimal: str,
) -> ImportOptions:
    """What the command line says of a file. Raises Refusal or BadRequest for what makes no sense."""
    if kind not in get_args(Kind):
        raise Refusal("unknown_value", "kind", f"import one of {', '.join(get_args(Kind))}")
    chosen = cast(Kind, kind)
    plan = None
    if mapping is not None:
        plan = parse_mapping(mapping.read_text("utf-8"), chosen, mapping.suffix == ".json")
    reading = Reading(encoding=encoding, delimiter=delimiter, decimal=decimal)
    return ImportOptions(chosen, plan, tuple(fields), reading, timezone)


def import_into(
    engine: Engine,
    path: Path,
    options: ImportOptions,
    sender: Sender,
    progress: Callable[[ImportProgress], None],
    state_folder: Path,
    resume: bool,
) -> dict[str, Any]:
    """Import a file into the ledger; see `collect.imports.import_file`."""
    return import_file(
        path,
        options,
        sender,
        lambda batch: append(engine, [batch])[0],
        progress,
        state_folder,
        resume,
    )


def replacements(given: Sequence[str]) -> dict[str, Any]:
    """`path=value` each, as values by path. Raises Refusal."""
    found: dict[str, Any] = {}
    for text in given:
        path, separator, value = text.partition("=")
        if not separator:
            raise Refusal(
                "bad_path", text[:200], "write it as path=value, such as deal.currency=EUR"
            )
        try:
            found[path] = orjson.loads(value)
        except orjson.JSONDecodeError:
            found[path] = value
    return found


def replay_all(
    mender: Mender,
    source: str | None,
    code: str | None,
    ids: Sequence[int] | None,
    replace: Mapping[str, Any],
    remove: Sequence[str],
    progress: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Replay all that is chosen, however much; see `collect.replay.Mender.replay_many`."""
    total = Replayed()
    after: int | None = 0
    while after is not None:
        done = mender.replay_many(ids or None, source, code, replace, remove, after=after)
        total.items += done.items
        total.accepted += done.accepted
        total.duplicates += done.duplicates
        total.refused += done.refused
        total.reasons += done.reasons[: SHOWN - len(total.reasons)]
        total.watermark = max(total.watermark, done.watermark)
        progress(total.items + total.refused)
        after = done.next
    return total
