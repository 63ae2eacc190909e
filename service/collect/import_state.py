"""How far an import came, kept beside the data, so that an interrupted one can go on.

Losing this file costs time only: a row that is sent twice is a duplicate.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Reached:
    """`rows` of the file are in the ledger, which had come to `watermark` by then."""

    rows: int
    watermark: int


class ImportState:
    """The state of one import: of one file, read in one way, for one source."""

    def __init__(self, folder: Path, file: Path, *manner: object) -> None:
        """Args: folder: where states are kept, made when needed. manner: all that has a say in
        what the file's rows become. Raises OSError where the file cannot be read."""
        with file.open("rb") as data:
            content = hashlib.file_digest(data, "sha256").hexdigest()
        key = hashlib.sha256(repr((content, *manner)).encode()).hexdigest()
        self._path = folder / f"{key[:40]}.json"

    def load(self) -> Reached | None:
        """Where the last run stopped; None where there was none or it came to its end."""
        try:
            state = json.loads(self._path.read_text())
            return Reached(int(state["rows"]), int(state["watermark"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, reached: Reached) -> None:
        """Keep it, whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({"rows": reached.rows, "watermark": reached.watermark}))
        draft.replace(self._path)

    def clear(self) -> None:
        """The import is complete."""
        self._path.unlink(missing_ok=True)
