"""Bulk ways into the ledger beside HTTP: the demo world and file imports, over the same pipeline."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from itertools import groupby, islice
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
from service.demo.arrivals import fact_arrival, rate_arrival, spend_arrival
from service.demo.world import build_world
from service.kit.errors import Conflict, NotFound, Refusal, ThroughlineError
from service.kit.time import to_micros
from service.ledger.append import Batch, NewFact, Refused, append
from service.ledger.keys import Caller, ensure_source_id
from service.ledger.read import last_seq

FACTS_AT_ONCE = 2_000
LARGEST = 32_768
"""Bytes of a fact."""

SERVER = frozenset({"collect", "facts"})
Progress = Callable[[int, int], None]


def sender_for(engine: Engine, source: str, reader: IdentifierReader, now: datetime) -> Sender:
    """A server-side sender of that source, made where there is none."""
    return Sender(Caller(0, ensure_source_id(engine, source, now), source, SERVER), now, reader)


def load_demo(
    engine: Engine, reader: IdentifierReader, now: datetime, progress: Progress = lambda *_: None
) -> int:
    """The demo world of the year up to today into an empty ledger; returns how many facts.

    They are received when each of the systems would have told them, in that order, so that the
    ledger has a past; what would still be on its way arrives now. Raises Conflict when the ledger
    holds facts already.
    """
    if last_seq(engine):
        raise Conflict(
            "ledger_not_empty",
            "The demo world goes into an empty ledger only; use another data folder.",
        )
    facts = sorted(_demo_facts(engine, reader, now), key=lambda fact: fact.received_at)
    done = 0
    for chunk in _chunks(facts):
        told = [Batch(list(run)) for _, run in groupby(chunk, key=lambda fact: fact.source_id)]
        for receipt in append(engine, told):
            _check(receipt.refused)
            done += receipt.accepted
        progress(done, len(facts))
    return done


def _demo_facts(engine: Engine, reader: IdentifierReader, now: datetime) -> Iterator[NewFact]:
    """Facts of one source are in the order in which it tells them.

    Raises: ThroughlineError where one of them is refused.
    """
    world = build_world(now.astimezone(UTC).date())

    def read(
        source: str,
        items: Sequence[Any],
        collected: Callable[[Sequence[Any], Sender], Batch],
        arrival: Callable[[Any], datetime],
    ) -> Iterator[NewFact]:
        batch = collected(items, sender_for(engine, source, reader, now))
        _check(batch.refused)
        for item, fact in zip(items, batch.facts, strict=True):
            told_at = to_micros(min(arrival(item), now))
            # What names no moment of its own happened, as far as anybody knows, when it was told.
            yield replace(fact, received_at=told_at, occurred_at=min(fact.occurred_at, told_at))

    yield from read("exchange-rates", world.rates, _rates, rate_arrival)
    for source, facts in sorted(world.sources.items()):
        yield from read(source, facts, _events, partial(fact_arrival, source))
    for source, lines in sorted(world.spend.items()):
        yield from read(source, lines, _spend, spend_arrival)


def _events(items: Sequence[Any], sender: Sender) -> Batch:
    return collect(items, sender, LARGEST)


def _rates(items: Sequence[Any], sender: Sender) -> Batch:
    return collect(items, sender, LARGEST, to_rate_fact)


def _spend(items: Sequence[Any], sender: Sender) -> Batch:
    return collect_spend(items, sender, LARGEST)


def _chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, FACTS_AT_ONCE)):
        yield chunk


def _check(refused: Sequence[Refused]) -> None:
    if refused:
        first = refused[0]
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
