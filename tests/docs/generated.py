"""The parts of the documents that are made from the code: settings, what the models compute, and how
far they are from a known truth.

`python -m tests.docs.generated` writes them anew between their marks; a test compares.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from service.attribution.catalogue import describe_models
from service.attribution.transforms import STEP_PARAMETERS
from service.kit.money import to_text
from service.settings import Settings
from tests.docs.pages import ROOT
from tests.docs.truth import truth_tables

CURRENCY = "EUR"
EVERY_MODELS = [parameter.name for parameter in STEP_PARAMETERS]


def settings_table() -> str:
    """One row a setting: its environment variable, default and meaning."""
    rows = [
        f"| `THROUGHLINE_{name.upper()}` | {default_of(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


def default_of(value: object) -> str:
    """A default as a reader would write it; durations in seconds."""
    if value is None or value == "":
        return "empty"
    if isinstance(value, timedelta):
        return f"`{value.total_seconds():g}`"
    return f"`{value}`"


def model_sections() -> str:
    """A section a model: what it computes, its parameters, variants, edge cases and examples."""
    return "\n\n".join("\n\n".join(_section(model)) for model in describe_models())


_FORMULAS = {"population": "Shares", "hazard": "Chance that channel c brought a conversion"}


def _section(model: dict[str, Any]) -> list[str]:
    default = ", the default" if model["is_default"] else ""
    parts = [
        f"### {model['title']}",
        f"`{model['name']}`, version {model['version']}{default}. {model['description']}",
        f"{_FORMULAS.get(model['kind'], 'Weights')}: `{model['formula']}`",
    ]
    # Those of every model are told once, in a section of their own.
    own = [item for item in model["parameters"] if item["name"] not in EVERY_MODELS]
    if own:
        parts.append(_table("parameter | default | meaning", map(_parameter, own)))
    if model["presets"]:
        parts.append(_table("variant | parameters | after", map(_preset, model["presets"])))
    parts.append("\n".join(f"- {case}" for case in model["edge_cases"]))
    if model["kind"] == "population":
        head = "example | journeys: conversions and others | conversions of each channel | why"
        parts.append(_table(head, map(_population_example, model["population_examples"])))
        return [*parts, f"Source: {_linked(model['source'])}."]
    if model["kind"] == "hazard":
        head = "example | people | what each channel brought | why"
        parts.append(_table(head, map(_panel_example, model["panel_examples"])))
        return [*parts, f"Source: {_linked(model['source'])}."]
    parts.append(
        _table(
            "example | value | touches, oldest first, and what they get | why",
            map(_example, model["examples"]),
        )
    )
    parts.append(f"Source: {_linked(model['source'])}.")
    return parts


def _table(head: str, rows: Any) -> str:
    width = head.count("|") + 1
    return "\n".join([f"| {head} |", "|" + "---|" * width, *rows])


def _parameter(parameter: dict[str, Any]) -> str:
    default = parameter["default"]
    shown = str(default).lower() if isinstance(default, bool) else default
    meaning = parameter["meaning"]
    if parameter["choices"]:
        meaning += f": {', '.join(f'`{choice}`' for choice in parameter['choices'])}"
    return f"| `{parameter['name']}` | {'none' if default is None else f'`{shown}`'} | {meaning} |"


def _preset(preset: dict[str, Any]) -> str:
    values = " ".join(f"`{name}={value}`" for name, value in preset["parameters"].items())
    return f"| `{preset['name']}` | {values} | {preset['note']} {_linked(preset['source'])} |"


def _linked(source: str) -> str:
    return f"<{source}>" if source.startswith("https://") else source


def _example(example: dict[str, Any]) -> str:
    """Participation gives marks where the others divide money."""
    marks = example["model"] == "participation"
    pairs = zip(example["touches"], example["credit"], strict=True)
    lines = [
        f"{touch['channel']}, {_days(touch['days_before'])}: {credit if marks else _money(credit)}"
        for touch, credit in pairs
    ]
    lines += [f"({name} {_days(days)})" for name, days in example["milestones"].items()]
    lines += [f"(lookback {example['lookback']})"] if example["lookback"] else []
    value = "" if marks else _money(example["value"])
    return f"| `{example['model']}` | {value} | {'<br>'.join(lines)} | {example['note']} |"


def _population_example(example: dict[str, Any]) -> str:
    paths = [
        f"{' > '.join(path['path'])}: {path['conversions']} and {path['nulls']}"
        for path in example["paths"]
    ]
    credit = [f"{part['channel']}: {part['conversions']:g}" for part in example["credit"]]
    cells = ("<br>".join(paths), "<br>".join(credit), example["note"])
    return f"| `{example['model']}` | {' | '.join(cells)} |"


def _panel_example(example: dict[str, Any]) -> str:
    people = [
        f"{each['count']} touched by {each['touched_by']} on day 1 of {example['days']}: "
        + (
            f"convert on day {each['conversion_day']}"
            if each["conversion_day"]
            else "do not convert"
        )
        for each in example["people"]
    ]
    brought = [f"{part['channel']}: {part['conversions']:g}" for part in example["incremental"]]
    brought.append(f"(baseline): {example['baseline']:g}")
    cells = ("<br>".join(people), "<br>".join(brought), example["note"])
    return f"| `{example['model']}` | {' | '.join(cells)} |"


def _money(minor: int) -> str:
    return to_text(minor, CURRENCY)


def _days(days: float) -> str:
    return f"{days:g} d before" if days else "at the conversion"


PARTS: dict[Path, dict[str, Callable[[], str]]] = {
    ROOT / "docs" / "configuration.md": {"settings": settings_table},
    ROOT / "docs" / "models.md": {"models": model_sections, "truth": truth_tables},
}


def renewed(page: Path) -> str:
    """The page with its generated parts made anew."""
    text = page.read_text()
    for name, make in PARTS[page].items():
        begin, end = f"<!-- {name}: made from the code -->\n", f"\n<!-- {name}: end -->"
        before, _, rest = text.partition(begin)
        _, mark, after = rest.partition(end)
        assert mark, f"{page.name} has no marks for its {name}"
        text = f"{before}{begin}\n{make()}\n{mark}{after}"
    return text


if __name__ == "__main__":
    for document in PARTS:
        document.write_text(renewed(document))
