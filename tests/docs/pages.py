"""The documents as data: their fenced blocks, what of them is run, and what an answer must hold."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# A block of which every line begins like this installs something or starts what the tests start by
# themselves. It is not run; what it names is checked to exist.
SET_UP = ("make ", "docker ", "git clone ", "pip install ", "npm install ")
ANYTHING = "…"


@dataclass(frozen=True)
class Block:
    """A fenced block. `file`: the name it is to be saved under, as in "```python send.py"."""

    page: Path
    line: int
    language: str
    file: str
    text: str

    @property
    def is_run(self) -> bool:
        return self.language == "sh" and not all(line.startswith(SET_UP) for line in self.lines)

    @property
    def lines(self) -> list[str]:
        return [line for line in self.text.splitlines() if line.strip()]

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def documents() -> list[Path]:
    """Every document that is committed beside the code."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page in their order; `line` is the one of the opening fence."""
    return list(_blocks(page, page.read_text()))


def _blocks(page: Path, text: str) -> Iterator[Block]:
    opened: tuple[int, str, str] | None = None
    inside: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if opened is None and line.startswith("```"):
            language, _, file = line[3:].strip().partition(" ")
            opened, inside = (number, language, file), []
        elif opened is not None and line == "```":
            start, language, file = opened
            yield Block(page, start, language, file, "".join(f"{part}\n" for part in inside))
            opened = None
        elif opened is not None:
            inside.append(line)
    assert opened is None, f"{page}: the block at line {opened} is not closed"


def prose_of(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)


def sections_of(page: Path) -> dict[str, str]:
    """Text below each heading up to the next of any level, by the heading's own text."""
    parts = re.split(r"^#{1,6} (.+)$", page.read_text(), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def table_rows(text: str) -> list[list[str]]:
    """Cells of every row of the tables in a text, without headings and rules."""
    lines = text.splitlines()
    rows = [(i, line) for i, line in enumerate(lines) if line.startswith("|")]
    headings = {i - 1 for i, line in rows if set(line) <= set("|-: ")}
    return [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for i, line in rows
        if i not in headings and not set(line) <= set("|-: ")
    ]


def names_in(cell: str) -> list[str]:
    """The words in backticks of a cell."""
    return re.findall(r"`([^`]+)`", cell)


def expected_json(text: str) -> Any:
    """A JSON example; a bare … stands for any value."""
    return json.loads(re.sub(rf"(?<=[:,\[{{ ]){ANYTHING}(?=\s*[,\]}}])", f'"{ANYTHING}"', text))


def missing(expected: Any, found: Any, where: str = "") -> list[str]:
    """What of an expected value an answer does not hold: named members are compared and others may
    be there, lists have the same length."""
    if expected == ANYTHING:
        return []
    if isinstance(expected, dict) and isinstance(found, dict):
        absent = [f"{where}.{name} is absent" for name in expected if name not in found]
        return absent + [
            problem
            for name, value in expected.items()
            if name in found
            for problem in missing(value, found[name], f"{where}.{name}")
        ]
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return [f"{where} has {len(found)} items and not {len(expected)}"]
        pairs = enumerate(zip(expected, found, strict=True))
        return [p for i, (e, f) in pairs for p in missing(e, f, f"{where}[{i}]")]
    return [] if expected == found else [f"{where} is {found!r} and not {expected!r}"]
