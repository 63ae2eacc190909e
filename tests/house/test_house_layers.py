"""Stages import one way: the contracts of pyproject.toml are kept."""

from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]


def test_import_contracts_are_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True)
    assert status == 0, capsys.readouterr().out


def test_a_reversed_import_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "upside_down"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "low.py").write_text("import upside_down.high\n")
    (package / "high.py").touch()
    (tmp_path / "setup.cfg").write_text(
        "[importlinter]\nroot_package = upside_down\n"
        "[importlinter:contract:1]\nname = One way\ntype = layers\n"
        "layers =\n    upside_down.high\n    upside_down.low\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    status = lint_imports(config_filename=str(tmp_path / "setup.cfg"), no_cache=True, no_logo=True)
    assert status == 1
    assert "upside_down.low -> upside_down.high" in capsys.readouterr().out
