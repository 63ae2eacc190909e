"""One run of one pull: past days are asked for again, corrections are stated, the cursor moves on.

A part of the days is stored once all of it is there: a broken answer restates nothing. Whatever goes
wrong is kept with the pull, for people to see, and the next run goes on from the cursor.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import random
from typing import Any

import httpx
from sqlalchemy import Engine

from service.collect.identifiers import IdentifierReader
from service.collect.native import Sender
from service.collect.pulls import Platform, platforms
from service.collect.pulls.asking import MAX_BYTES, MAX_SECONDS, Asker, PullError
from service.collect.pulls.options import PullOptions
from service.collect.spend import DIMENSIONS, collect_spend
from service.kit.errors import ThroughlineError
from service.kit.log import log
from service.kit.money import to_text
from service.kit.outbound import outbound_client
from service.kit.time import zone_of
from service.ledger.append import Batch, NewFact, Receipt
from service.ledger.keys import Caller, ensure_source_id
from service.ledger.pulls import (
    PullState,
    note_failure,
    note_progress,
    note_success,
    stated_spend,
    take_pull,
)

SCOPES = frozenset({"collect", "facts"})
LEASE = timedelta(minutes=30)
MOST_DAYS = 31
"""Days of one request to a platform."""

FACTS_AT_ONCE = 2_000
SOONEST = timedelta(minutes=1)
FIGURES = ("amount", "impressions", "clicks")
Window = tuple[date, date]


@dataclass(frozen=True)
class Puller:
    """What a run needs. `submit` writes a batch durably; `wait` sleeps; `allow_private`: base
    addresses of the own network are reached too."""

    engine: Engine
    reader: IdentifierReader
    submit: Callable[[Batch], Receipt]
    clock: Callable[[], datetime]
    wait: Callable[[float], None] = time.sleep
    max_event_bytes: int = 32 * 1024
    allow_private: bool = False
    make_client: Callable[[bool], AbstractContextManager[httpx.Client]] = field(
        default=lambda private: outbound_client(private, seconds=MAX_SECONDS, max_bytes=MAX_BYTES)
    )

    def run(
        self, options: PullOptions, since: date | None = None, due: bool = False
    ) -> dict[str, Any] | None:
        """Run a pull now, or where it is due.

        Args: since: the first day to ask for, in place of the cursor.
        Returns: `accepted`, `duplicates`, `rejected` and `withdrawn` lines, and the days asked
            for; None where the pull is not due or somebody else is at it.
        Raises: PullError, after it was noted.
        """
        now = self.clock()
        source_id = ensure_source_id(self.engine, options.source, now)
        state = take_pull(self.engine, source_id, options.platform, now, now + LEASE, due)
        if state is None:
            return None
        try:
            with self.make_client(self.allow_private) as client:
                asker = Asker(client, options.secrets(), self.wait)
                receipt = _Run(self, options, state, asker).through(since)
        except PullError as error:
            self._failed(options, state, error)
            raise
        except Exception as error:
            # A platform's answer may be anything; the pull must come to its turn again.
            code = error.code if isinstance(error, ThroughlineError) else type(error).__name__
            problem = PullError("unexpected", f"the run ended with {code}", again=True)
            log.error("pull_broke", source=options.source, error=type(error).__name__)
            self._failed(options, state, problem)
            raise problem from error
        ended = self.clock()
        note_success(self.engine, source_id, ended, ended + options.every)
        return receipt

    def _failed(self, options: PullOptions, state: PullState, error: PullError) -> None:
        now = self.clock()
        pause = pause_after(options.every, state.failures, error, random())
        text = f"{error.code}: {error.detail}"
        note_failure(self.engine, state.source_id, now, now + pause, text)
        log.warning(
            "pull_failed", source=options.source, platform=options.platform, code=error.code
        )


def pause_after(every: timedelta, failures: int, error: PullError, chance: float) -> timedelta:
    """How long to wait after the run failed, `failures` runs before it having failed already.

    Doubles from a minute up to `every`, a quarter of it left to chance (0 to 1) so that pulls do
    not come back together; what the platform asked for is kept. What cannot mend itself waits for
    its ordinary turn.
    """
    asked = timedelta(seconds=error.retry_after or 0)
    if not error.again:
        return max(every, asked)
    doubled = min(every, SOONEST * (1 << min(failures, 20)))
    return max(doubled * (1 + chance / 4), asked)


def windows(
    options: PullOptions, cursor: str | None, today: date, since: date | None = None
) -> list[Window]:
    """The days to ask for, oldest first, in parts of at most MOST_DAYS: the days after the cursor and
    `options.days` before it, up to today."""
    if since is not None:
        start = since
    elif cursor is not None:
        start = date.fromisoformat(cursor) + timedelta(days=1 - options.days)
    else:
        start = options.since or today - timedelta(days=options.days)
    if since is None and options.since is not None:
        start = max(start, options.since)
    found = []
    while start <= today:
        last = min(start + timedelta(days=MOST_DAYS - 1), today)
        found.append((start, last))
        start = last + timedelta(days=1)
    return found


class _Run:
    def __init__(
        self, puller: Puller, options: PullOptions, state: PullState, asker: Asker
    ) -> None:
        self._puller, self._options, self._state, self._asker = puller, options, state, asker
        self._platform: Platform = platforms()[options.platform]
        self._account = self._platform.account(options)
        self._totals = {"accepted": 0, "duplicates": 0, "rejected": 0, "withdrawn": 0}
        self._watermark = 0

    def through(self, since: date | None) -> dict[str, Any]:
        zone = zone_of(self._options.timezone)
        today = self._puller.clock().astimezone(zone).date()
        parts = windows(self._options, self._state.cursor, today, since)
        for window in parts:
            for first, last, items in self._fetched(*window):
                self._store(first, last, items)
                self._move_on(last, today)
        days = {"first_day": str(parts[0][0]), "last_day": str(parts[-1][1])} if parts else {}
        return {**self._totals, **days, "watermark": self._watermark}

    def _fetched(self, first: date, last: date) -> Iterator[tuple[date, date, list[Any]]]:
        """The lines of the days; where they are too many, of half of them at a time."""
        try:
            items = self._platform.fetch(self._options, self._asker, first, last)
        except PullError as error:
            if error.code != "too_much" or first == last:
                raise
            middle = first + (last - first) // 2
            yield from self._fetched(first, middle)
            yield from self._fetched(middle + timedelta(days=1), last)
        else:
            yield first, last, items

    def _store(self, first: date, last: date, items: Sequence[Any]) -> None:
        options = self._options
        sender = Sender(
            Caller(0, self._state.source_id, options.source, SCOPES),
            self._puller.clock(),
            self._puller.reader,
        )
        _check(items, options, first, last)
        batch = collect_spend(_summed(items), sender, self._puller.max_event_bytes)
        gone = self._withdrawn(batch.facts, first, last)
        self._totals["withdrawn"] += len(gone)
        more = collect_spend(gone, sender, self._puller.max_event_bytes)
        facts = [*batch.facts, *more.facts]
        for start in range(0, max(1, len(facts)), FACTS_AT_ONCE):
            refused = batch.refused if start == 0 else ()
            part = Batch(facts[start : start + FACTS_AT_ONCE], refused)
            if not part.facts and not part.refused:
                continue
            receipt = self._puller.submit(part)
            self._totals["accepted"] += receipt.accepted
            self._totals["duplicates"] += receipt.duplicates
            self._totals["rejected"] += len(receipt.refused)
            self._watermark = max(self._watermark, receipt.watermark)

    def _withdrawn(self, facts: Sequence[NewFact], first: date, last: date) -> list[dict[str, Any]]:
        """Lines that the platform stated before and states no longer: they now cost nothing. A day
        of which it says nothing at all is left as it was, for an answer may also be a mistake."""
        told = {fact.subject for fact in facts}
        days = {str(subject)[:10] for subject in told}
        known = stated_spend(
            self._puller.engine, self._state.source_id, first.isoformat(), last.isoformat()
        )
        lines = [
            payload["spend"]
            for subject, payload in known.items()
            if subject not in told and payload["spend"]["date"] in days
        ]
        return [
            _nothing(line)
            for line in lines
            if line.get("account", "") == self._account
            and any(line.get(name) for name in ("amount_minor", "impressions", "clicks"))
        ]

    def _move_on(self, last: date, today: date) -> None:
        """The cursor never goes back, and never onto a day that is not over."""
        complete = min(last, today - timedelta(days=1)).isoformat()
        cursor = max(complete, self._state.cursor or complete)
        self._state = PullState(self._state.source_id, cursor, self._state.failures)
        lease = self._puller.clock() + LEASE
        note_progress(self._puller.engine, self._state.source_id, cursor, lease)


def _summed(items: Sequence[Any]) -> list[Any]:
    """Lines that say the same of all but their figures as one: a campaign may have two ad groups of
    one name."""
    found: dict[Any, Any] = {}
    for place, item in enumerate(items):
        if not isinstance(item, dict):
            found[place] = item
            continue
        key = tuple(sorted((name, said) for name, said in item.items() if name not in FIGURES))
        before = found.setdefault(key, item)
        if before is not item:
            parts = [
                (name, [one[name] for one in (before, item) if name in one]) for name in FIGURES
            ]
            sums = {name: sum(map(Decimal, given)) for name, given in parts if given}
            found[key] = {**item, **{name: str(total) for name, total in sums.items()}}
    return list(found.values())


def _nothing(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line as it was, with nothing spent and nobody reached."""
    kept = (*DIMENSIONS, "date", "currency", "account", "account_timezone", "vat")
    zeros = {name: 0 for name in ("impressions", "clicks") if name in line}
    item = {name: line[name] for name in kept if name in line}
    return {**item, "amount": to_text(0, line["currency"]), **zeros}


def _check(items: Sequence[Any], options: PullOptions, first: date, last: date) -> None:
    """Raises PullError where lines are of another currency, or of days nobody asked for."""
    for item in items:
        if not isinstance(item, dict):
            continue
        if options.currency and item.get("currency") != options.currency:
            raise PullError(
                "currency",
                f"the account is billed in {item.get('currency')}, the pull expects "
                f"{options.currency}; nothing was stored",
            )
        if not str(first) <= str(item.get("date")) <= str(last):
            raise PullError(
                "unreadable", f"a line is of {item.get('date')}, which was not asked for"
            )
    currencies = sorted({str(item["currency"]) for item in items if isinstance(item, dict)})
    if len(currencies) > 1:
        raise PullError("currency", f"one account, several currencies: {', '.join(currencies)}")
