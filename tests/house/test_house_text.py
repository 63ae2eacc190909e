"""No committed text names the machine it was written on, or where packages come from."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Written with character classes, so that this file does not match itself.
FOREIGN = {
    "a path of one machine": re.compile(
        r"(?<![\w.*}])/(?:[r]oot|[w]ork|[o]pt|[h]ome|[t]mp)/[\w.]|(?<!\w)/[U]sers/\w"
    ),
    "a package registry": re.compile(
        r"[p]ypi\.org|[p]ythonhosted\.org|[n]pmjs\.(?:org|com)|[d]eb\.debian\.org|[c]rates\.io"
    ),
    "an index option": re.compile(r"--(?:extra-)?[i]ndex-url[= ]\S|--[f]ind-links[= ]\S"),
}


def _committed() -> list[Path]:
    """Files that are committed, or would be by the next commit."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a git clone")
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others",
         "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def _foreign(text: str) -> list[str]:
    return [
        f"{number}: {kind}: {found.group()}"
        for number, line in enumerate(text.splitlines(), 1)
        for kind, pattern in FOREIGN.items()
        if (found := pattern.search(line))
    ]


def test_no_machine_and_no_registry_is_named() -> None:
    files = _committed()
    assert ROOT / "pyproject.toml" in files
    named = {}
    for path in files:
        raw = path.read_bytes()
        if b"\0" not in raw and (found := _foreign(raw.decode(errors="replace"))):
            named[str(path.relative_to(ROOT))] = found[:5]
    assert named == {}


def test_nothing_private_is_committed() -> None:
    names = {path.name for path in _committed()}
    assert not names & {".env", "secret", "pip.conf", ".npmrc", ".pypirc", ".netrc"}
    assert not [name for name in names if re.search(r"\.(sqlite3|duckdb|pem|key)$", name)]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("see /{}/throughline/x.py", 1),
        ("sqlite:////{}/ledger.sqlite3", 1),
        ("https://example.com/{}/page", 0),
        ("the {} folder", 0),
    ],
)
@pytest.mark.parametrize("folder", ["ro" + "ot", "wo" + "rk", "ho" + "me", "t" + "mp"])
def test_what_counts_as_a_path_of_one_machine(text: str, count: int, folder: str) -> None:
    assert len(_foreign(text.format(folder))) == count
