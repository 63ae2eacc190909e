"""`throughline import`: a file's rows become facts, batch by batch, with one receipt at the end.

Importing a file again changes nothing: rows without an id are named by their content. A row that
cannot be taken is refused with its line number and goes to the quarantine; the others go on.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from service.collect.import_state import ImportState, Reached
from service.collect.intake import Reader, collect
from service.collect.mapping import Kind, Plan
from service.collect.native import Sender, to_fact
from service.collect.presets.lines import ShapedItems
from service.collect.rates import to_rate_fact
from service.collect.rows import Reading, Row
from service.collect.spend import LinesOfRequest, to_spend_fact
from service.collect.table_items import RowItems, open_items
from service.collect.tabular import Table
from service.kit.errors import Conflict
from service.ledger.append import Batch, NewFact, Receipt, Refused

SHOWN_REFUSALS = 20
DEFAULT_READING = Reading()
Submit = Callable[[Batch], Receipt]


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What to make of a file.

    `plan` None: the columns' names decide. `fields`: single fields as `target=source`, over the
    plan. `timezone`: IANA name, for moments without an offset. `batch_facts`: facts and refusals
    handed over at a time. `max_bytes`: largest fact.
    """

    kind: Kind
    plan: Plan | None = None
    fields: tuple[str, ...] = ()
    reading: Reading = DEFAULT_READING
    timezone: str | None = None
    batch_facts: int = 2_000
    max_bytes: int = 32 * 1024


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is; bytes as they lie on disk."""

    rows: int
    bytes_done: int
    bytes_total: int
    accepted: int
    duplicates: int
    rejected: int


@dataclass(slots=True)
class _Totals:
    rows: int = 0
    skipped: int = 0
    left_out: int = 0
    accepted: int = 0
    duplicates: int = 0
    watermark: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    adjusted: Counter[str] = field(default_factory=Counter)
    shown: list[Refused] = field(default_factory=list)

    def add(self, receipt: Receipt) -> None:
        self.accepted += receipt.accepted
        self.duplicates += receipt.duplicates
        self.watermark = max(self.watermark, receipt.watermark)
        self.rejected.update(refused.code for refused in receipt.refused)
        in_order = sorted(receipt.refused, key=lambda refused: refused.index)
        self.shown += in_order[: SHOWN_REFUSALS - len(self.shown)]

    def receipt(self, unused: list[str]) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "skipped": self.skipped,
            "left_out": self.left_out,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected": dict(sorted(self.rejected.items())),
            "first_rejected": [
                {"line": r.index, "code": r.code, "field": r.field, "detail": r.detail}
                for r in self.shown
            ],
            "adjusted": dict(sorted(self.adjusted.items())),
            "unused_columns": unused,
            "watermark": self.watermark,
        }


def import_file(
    path: Path,
    options: ImportOptions,
    sender: Sender,
    submit: Submit,
    progress: Callable[[Progress], None] | None = None,
    state_folder: Path | None = None,
    resume: bool = False,
) -> dict[str, Any]:
    """Import a file.

    Args:
        sender: whose facts they are and when they arrive; its `adjusted` is left alone.
        submit: writes a batch durably and gives its receipt, as `append` does.
        progress: called after each batch.
        state_folder: where to keep how far the import came; None: nowhere.
        resume: go on where the last run of the same import stopped.
    Returns:
        `rows` of the file, `skipped` of them (imported by an earlier run) and `left_out` (no
        condition of the mapping held); `accepted`, `duplicates`, `rejected` ({code: count}) and
        `adjusted` facts; `first_rejected`, at most 20, by line; `unused_columns`; `watermark`.
    Raises:
        BadRequest or Refusal where the file or the mapping cannot be understood; OSError; Conflict
        `another_ledger` where the ledger is not the one of the run to be resumed; what `submit`
        raises, the batches before having been written.
    """
    state = _state_of(path, options, sender, state_folder)
    reached = state.load() if state and resume else None
    table, rows = open_items(
        path, options.kind, options.plan, options.fields, options.reading, options.timezone
    )
    with table:
        run = _Run(table, rows, options, replace(sender, adjusted=[]), submit, progress, state)
        if reached:
            run.go_on(reached)
        return run.finish()


def _state_of(
    path: Path, options: ImportOptions, sender: Sender, folder: Path | None
) -> ImportState | None:
    if folder is None:
        return None
    manner = replace(options, batch_facts=0)
    return ImportState(folder, path, sender.caller.source, manner)


class _Run:
    """One import under way."""

    def __init__(
        self,
        table: Table,
        rows: RowItems | ShapedItems,
        options: ImportOptions,
        sender: Sender,
        submit: Submit,
        progress: Callable[[Progress], None] | None,
        state: ImportState | None,
    ) -> None:
        self._table, self._items, self._options, self._sender = table, rows, options, sender
        self._submit, self._progress, self._state = submit, progress, state
        self._read, self._is_restated = _reader(options.kind)
        self._form = options.kind if options.kind in ("spend", "rates") else "native"
        self._totals = _Totals()
        self._facts: list[NewFact] = []
        self._refused: list[Refused] = []
        self._rows = iter(table)

    def go_on(self, reached: Reached) -> None:
        """Pass by the rows that an earlier run brought into this very ledger."""
        here = self._submit(Batch(())).watermark
        if here < reached.watermark:
            raise Conflict(
                "another_ledger",
                f"The interrupted import had brought the ledger to {reached.watermark} and it "
                f"stands at {here}: it is not the same ledger. Import without --resume.",
            )
        self._totals.watermark = here
        for row in islice(self._rows, reached.rows):
            self._totals.rows += 1
            self._totals.skipped += 1
            if self._is_restated:  # lines to come must not contradict these
                self._gather(row)
                self._facts, self._refused = [], []
            else:
                self._items.pass_by(row)
        self._sender.adjusted.clear()

    def finish(self) -> dict[str, Any]:
        """All rows that are left, and the receipt."""
        for row in self._rows:
            self._totals.rows += 1
            if not self._gather(row):
                self._totals.left_out += 1
            if len(self._facts) + len(self._refused) >= self._options.batch_facts:
                self._hand_over()
        self._hand_over()
        if self._state:
            self._state.clear()
        return self._totals.receipt(self._items.unused)

    def _gather(self, row: Row) -> int:
        """Read the items of a row; returns how many they were."""
        items = self._items.items(row)
        for item in items:
            batch = collect(
                (item,),
                self._sender,
                self._options.max_bytes,
                self._read,
                first_index=row.line,
                form=self._form,
            )
            self._facts += batch.facts
            self._refused += batch.refused
        return len(items)

    def _hand_over(self) -> None:
        totals = self._totals
        if self._facts or self._refused:
            totals.add(self._submit(Batch(self._facts, self._refused)))
            totals.adjusted.update(note["code"] for note in self._sender.adjusted)
            self._facts, self._refused = [], []
            self._sender.adjusted.clear()
            if self._state:
                self._state.save(Reached(totals.rows, totals.watermark))
        if self._progress:
            self._progress(
                Progress(
                    rows=totals.rows,
                    bytes_done=self._table.done,
                    bytes_total=self._table.size,
                    accepted=totals.accepted,
                    duplicates=totals.duplicates,
                    rejected=totals.rejected.total(),
                )
            )


def _reader(kind: Kind) -> tuple[Reader, bool]:
    """What reads an item of the kind, and whether a line may contradict an earlier one."""
    if kind not in ("spend", "rates"):
        return to_fact, False
    read = to_spend_fact if kind == "spend" else to_rate_fact
    once = LinesOfRequest()
    return (lambda *line: once.check(read(*line))), True
