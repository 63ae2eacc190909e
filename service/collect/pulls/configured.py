"""The file of pulls (`THROUGHLINE_PULLS_FILE`): TOML, a table `[[pull]]` each."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from service.collect.pulls import platforms
from service.collect.pulls.options import PullOptions
from service.collect.refusals import refusal_of
from service.kit.errors import Refusal


def load_pulls(path: Path | None) -> tuple[PullOptions, ...]:
    """The pulls of the file, in its order; none where there is no file.

    Raises: Refusal `bad_pulls` naming the pull and the field; what is wrong with a secret is told
    without it.
    """
    if path is None:
        return ()
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise _bad(path.name, f"it cannot be read: {type(error).__name__}") from None
    except tomllib.TOMLDecodeError as error:
        raise _bad(path.name, f"it is not TOML: {error}") from None
    blocks = document.get("pull", [])
    if document.keys() - {"pull"} or not isinstance(blocks, list):
        raise _bad(path.name, "it holds tables [[pull]] and nothing else")
    pulls = tuple(_options(block, f"pull {n}") for n, block in enumerate(blocks, 1))
    _check_sources(pulls)
    return pulls


def _options(block: Any, place: str) -> PullOptions:
    name = block.get("platform") if isinstance(block, dict) else None
    platform = platforms().get(name) if isinstance(name, str) else None
    if platform is None:
        raise _bad(f"{place}.platform", f"it is one of {', '.join(platforms())}")
    try:
        return platform.options.model_validate(block)
    except ValidationError as error:
        refusal = refusal_of(error)
        # The message holds what was given, and that may be a secret.
        why = refusal.detail.partition("; got ")[0].removeprefix("Value error, ")
        raise _bad(f"{place}.{refusal.field}", why) from None


def _check_sources(pulls: Sequence[PullOptions]) -> None:
    names = [pull.source for pull in pulls]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise _bad("source", f"two pulls are called {twice[0]!r}; each has a source of its own")


def _bad(field: str, detail: str) -> Refusal:
    return Refusal("bad_pulls", field, f"the file of pulls is wrong at {field}: {detail}")
