"""The documents say what the code says: settings, models, fields, codes, dependencies, commands."""

import json
import re
import shlex
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import typer
from pydantic import BaseModel

from service.api import examples
from service.cli import app as command_line
from service.collect.rates import RateLine
from service.collect.schemas import (
    Account,
    Campaign,
    Context,
    Deal,
    Event,
    Item,
    Lead,
    Order,
    Page,
    Review,
    Touch,
    Track,
    Unlink,
    Verdict,
)
from service.collect.spend import SpendLine
from service.ledger.keys import SCOPES
from service.main import create_app
from service.reports.credited import REASONS
from service.reports.question import DIMENSIONS, GROUPS, KNOWN, STAGES
from service.settings import Settings
from tests.docs.error_codes import written_codes
from tests.docs.generated import PARTS, renewed
from tests.docs.pages import ROOT, blocks_of, documents, names_in, prose_of, sections_of, table_rows

API = ROOT / "docs" / "api.md"
VENDORED = ROOT / "service" / "web" / "static" / "vendor" / "manifest.json"
SECTIONS: dict[str, type[BaseModel]] = {
    "account": Account,
    "context": Context,
    "page": Page,
    "touch": Touch,
    "track": Track,
    "lead": Lead,
    "deal": Deal,
    "order": Order,
    "items": Item,
    "verdict": Verdict,
    "review": Review,
    "unlink": Unlink,
    "Fields of every event": Event,
    "Spend": SpendLine,
    "Exchange rates": RateLine,
}


@pytest.fixture(scope="module")
def api() -> dict[str, str]:
    return sections_of(API)


@pytest.mark.parametrize("page", PARTS, ids=lambda page: page.name)
def test_what_is_made_from_the_code_is_up_to_date(page: Path) -> None:
    assert page.read_text() == renewed(page), "run python -m tests.docs.generated"


def test_every_setting_is_spoken_of_by_its_name() -> None:
    known = {f"THROUGHLINE_{name.upper()}" for name in Settings.model_fields}
    for page in documents():
        named = set(re.findall(r"THROUGHLINE_[A-Z_]+", page.read_text()))
        assert named - known <= {"THROUGHLINE_URL"}, page.name


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_field_is_described(api: dict[str, str], heading: str) -> None:
    rows = table_rows(api[heading])
    described = [name for row in rows for name in names_in(row[0])]
    assert sorted(described) == sorted(SECTIONS[heading].model_fields)


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_word_a_field_may_hold_is_named(api: dict[str, str], heading: str) -> None:
    for name, field in SECTIONS[heading].model_fields.items():
        for word in _words(field.annotation):
            where = (
                "Event types" if (heading, name) == ("Fields of every event", "type") else heading
            )
            text = api[where] if where != "Event types" else API.read_text()
            assert f"`{word}`" in text, f"{heading}: {word}"


def _words(annotation: Any) -> list[str]:
    """The words of a Literal, also inside of an optional one."""
    if get_origin(annotation) is Literal:
        return [str(word) for word in get_args(annotation)]
    return [word for inner in get_args(annotation) for word in _words(inner)]


def test_a_page_takes_the_campaign_fields_that_are_named(api: dict[str, str]) -> None:
    row = next(row for row in table_rows(api["page"]) if row[0] == "`campaign`")
    assert set(Campaign.model_fields) <= set(names_in(row[1]))


def test_every_event_type_has_a_section(api: dict[str, str]) -> None:
    assert set(_words(Event.model_fields["type"].annotation)) <= set(api)


def test_scopes(api: dict[str, str]) -> None:
    assert [names_in(row[0])[0] for row in table_rows(api["Keys and scopes"])] == list(SCOPES)


def test_parameters_of_the_question(api: dict[str, str]) -> None:
    rows = {names_in(row[0])[0]: row for row in table_rows(api["The question"])}
    assert set(rows) == KNOWN | {"filter[dimension]"}
    assert set(GROUPS) == set(names_in(rows["group_by"][2]))
    assert set(STAGES) == set(names_in(rows["conversion"][2])) | {"won"}
    assert {*DIMENSIONS, "landing_page"} <= set(names_in(rows["filter[dimension]"][2]))


def test_figures_and_meta(api: dict[str, str]) -> None:
    for heading, example in (("Figures of a row", examples.FIGURES), ("Meta", examples.META)):
        rows = [row for row in table_rows(api[heading]) if names_in(row[0])[0] not in REASONS]
        assert {name for row in rows for name in names_in(row[0])} == set(example), heading


def test_reasons_of_the_unattributed(api: dict[str, str]) -> None:
    rows = table_rows(api["Figures of a row"])
    assert [n for row in rows for n in names_in(row[0]) if n in REASONS] == list(REASONS)
    assert {"bot", "refund_without_order"} <= set(names_in(api["Meta"]))


def test_every_operation_is_described() -> None:
    pages = [API, *(ROOT / "docs" / "senders").glob("*.md")]
    text = "".join(page.read_text() for page in pages)
    schema = create_app(Settings(_env_file=None)).openapi()
    for path, operations in schema["paths"].items():
        for method in operations:
            assert f"`{method.upper()} {path}`" in text, f"{method.upper()} {path}"


def test_every_error_code_is_described(api: dict[str, str]) -> None:
    rows = table_rows(api["Errors"])
    described = {names_in(row[0])[0]: {s.strip() for s in row[1].split(",")} for row in rows}
    written = {
        code: {str(s) for s in statuses} or {"note" if code != "conflict" else "422"}
        for code, statuses in written_codes().items()
    }
    assert described == written
    assert list(described) == sorted(described)
    assert all(row[2] for row in rows)


def test_links_lead_somewhere() -> None:
    for page in documents():
        for target in re.findall(r"\]\(([^)\s]+)\)", prose_of(page)):
            if target.startswith(("http://", "https://")):
                continue
            name, _, anchor = target.partition("#")
            found = (page.parent / name).resolve() if name else page
            assert found.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in _anchors(found), f"{page.name}: {target}"


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#{1,6} (.+)$", prose_of(page), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_toml_and_python_can_be_read() -> None:
    for page in documents():
        for block in blocks_of(page):
            if block.language == "toml":
                tomllib.loads(block.text)
            if block.language == "python":
                compile(block.text, block.place, "exec")


def test_commands_exist_with_their_options() -> None:
    root = typer.main.get_command(command_line)
    used = set()
    for page in documents():
        for block in blocks_of(page):
            if block.language == "sh":
                for words in _commands(block.text):
                    used.add(_check_command(root, words, block.place))
    assert {"serve", "migrate", "import", "keys create", "sign-in"} <= used


def _commands(text: str) -> list[list[str]]:
    """The words behind each `throughline` of a shell text."""
    joined = text.replace("\\\n", " ")
    found = re.findall(
        r"(?:^|[\s(])throughline (?!throughline )([a-z][^\n|)]*)", joined, flags=re.M
    )
    return [shlex.split(words.replace('"', "")) for words in found]


def _commands_of(command: Any) -> dict[str, Any]:
    """The commands of a group, none of a plain command; typer's own classes stand behind."""
    found: dict[str, Any] = getattr(command, "commands", {})
    return found


def _check_command(root: Any, words: list[str], place: str) -> str:
    command: Any = root
    path: list[str] = []
    while commands := _commands_of(command):
        path.append(words[len(path)])
        assert path[-1] in commands, f"{place}: throughline {' '.join(words)}"
        command = commands[path[-1]]
    known = {option for parameter in command.params for option in parameter.opts}
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert options <= known, f"{place}: {options - known}"
    return " ".join(path)


def test_every_command_is_in_the_changelog() -> None:
    assert set(_commands_of(typer.main.get_command(command_line))) <= set(
        names_in((ROOT / "CHANGELOG.md").read_text())
    )


def test_the_changelog_knows_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.M)
    assert headings[0] == "Unreleased"
    assert re.fullmatch(rf"{re.escape(version)} - \d{{4}}-\d{{2}}-\d{{2}}", headings[1])


def test_every_dependency_has_a_licence_and_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    sections = sections_of(ROOT / "docs" / "dependencies.md")
    wanted = {
        "The service": project["project"]["dependencies"]
        + project["project"]["optional-dependencies"]["postgres"],
        "Building": project["dependency-groups"]["build"],
        "Tests": project["dependency-groups"]["dev"],
    }
    for heading, requirements in wanted.items():
        rows = {names_in(row[0])[0]: row for row in table_rows(sections[heading])}
        assert set(rows) == {re.split(r"[\[<>=;~! ]", r)[0] for r in requirements}, heading
        for name, (_, licence, reason) in rows.items():
            assert licence, name
            assert reason, name
            assert licence == (_declared_licence(name) or licence), name


def _declared_licence(name: str) -> str | None:
    """The SPDX expression of an installed package, where it declares one."""
    try:
        declared = metadata(name).json.get("license_expression")
    except PackageNotFoundError:
        return None
    return str(declared) if declared else None


def test_what_the_browser_gets_is_listed() -> None:
    files = json.loads(VENDORED.read_text())["files"]
    rows = table_rows(sections_of(ROOT / "docs" / "dependencies.md")["In the browser"])
    listed = {(names_in(row[0])[0], row[1], row[2]) for row in rows}
    assert listed == {(f["name"], f["version"], f["licence"]) for f in files}


def test_the_picture_is_what_the_readme_promises() -> None:
    picture = (ROOT / "docs" / "images" / "overview.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(picture[16:20]) == 1280
    assert len(picture) <= 300 * 1024
