"""Static files: as published, within their budget, and legible in both themes."""

import gzip
import hashlib
import json
import re
from itertools import combinations

import httpx
import pytest

from service.web.assets import STATIC, asset
from service.web.charts import MARKS

VENDOR = STATIC / "vendor"
TEMPLATES = STATIC.parent / "templates"
CSS = (STATIC / "app.css").read_text()
Colour = tuple[float, float, float]
# Machado, Oliveira, Fernandes 2009, severity 1.0, in linear RGB.
SIMULATED = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
}  # fmt: skip


def colours(theme: int) -> dict[str, Colour]:
    """The colours of one theme, 0 light and 1 dark, as sRGB of 0 to 1."""
    found = re.findall(r"--([\w-]+):light-dark\(#(\w+),#(\w+)\)", CSS)
    return {name: _rgb(pair[theme]) for name, *pair in found}


def _rgb(text: str) -> Colour:
    wide = "".join(letter * 2 for letter in text) if len(text) == 3 else text
    red, green, blue = (int(wide[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue


def _linear(colour: Colour) -> Colour:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return red, green, blue


def contrast(one: Colour, two: Colour) -> float:
    """WCAG 2.2 contrast ratio."""
    light, dark = sorted(
        (
            sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), _linear(x), strict=True))
            for x in (one, two)
        ),
        reverse=True,
    )
    return (light + 0.05) / (dark + 0.05)


def _lab(linear: Colour) -> Colour:
    """Oklab (Ottosson 2020) of a linear colour."""
    lms = [
        max(sum(w * c for w, c in zip(row, linear, strict=True)), 0.0) ** (1 / 3)
        for row in (
            (0.4122214708, 0.5363325363, 0.0514459929),
            (0.2119034982, 0.6806995451, 0.1073969566),
            (0.0883024619, 0.2817188376, 0.6299787005),
        )
    ]
    lightness, green_red, blue_yellow = (
        sum(w * c for w, c in zip(row, lms, strict=True))
        for row in (
            (0.2104542553, 0.7936177850, -0.0040720468),
            (1.9779984951, -2.4285922050, 0.4505937099),
            (0.0259040371, 0.7827717662, -0.8086757660),
        )
    )
    return lightness, green_red, blue_yellow


def distance(one: Colour, two: Colour, eye: str | None) -> float:
    """How far apart two colours look, in Oklab, to a full or a simulated eye."""
    seen = []
    for colour in (one, two):
        linear = _linear(colour)
        if eye is not None:
            red, green, blue = (
                sum(w * c for w, c in zip(row, linear, strict=True)) for row in SIMULATED[eye]
            )
            linear = (red, green, blue)
        seen.append(_lab(linear))
    return float(sum((a - b) ** 2 for a, b in zip(*seen, strict=True)) ** 0.5)


def test_vendored_files_are_as_published() -> None:
    listed = json.loads((VENDOR / "manifest.json").read_text())["files"]
    assert {entry["file"] for entry in listed} | {"manifest.json"} == {
        path.name for path in VENDOR.iterdir()
    }
    for entry in listed:
        found = hashlib.sha256((VENDOR / entry["file"]).read_bytes()).hexdigest()
        assert found == entry["sha256"], entry["file"]
        assert entry["version"] in entry["source"]
        assert entry["licence"]


def test_scripts_and_styles_stay_within_their_budget() -> None:
    base = (TEMPLATES / "base.html").read_text()
    scripts = [STATIC / name for name in re.findall(r"<script src=\"{{ asset\('([^']+)'\)", base)]
    assert len(scripts) == base.count("<script") == 4
    assert sum(len(gzip.compress(path.read_bytes())) for path in scripts) <= 60 * 1024
    assert len(CSS.encode()) <= 15 * 1024


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_is_legible(theme: int) -> None:
    c = colours(theme)
    for text in ("ink", "soft", "accent", "good", "bad"):
        for ground in ("paper", "card", "sunk"):
            assert contrast(c[text], c[ground]) >= 4.5, (text, ground)
    for text, ground in (
        ("on-accent", "accent"),
        ("accent", "wash"),
        ("ink", "wash"),
        ("ink", "bad-wash"),
        ("ink", "warn-wash"),
    ):
        assert contrast(c[text], c[ground]) >= 4.5, (text, ground)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_marks_are_told_from_the_ground_and_from_each_other(theme: int) -> None:
    c = colours(theme)
    for i in range(8):
        for ground in ("paper", "card"):
            assert contrast(c[f"c{i}"], c[ground]) >= 3, (i, ground)
    for eye in (None, "protan", "deutan"):
        for i, j in combinations(range(8), 2):
            assert distance(c[f"c{i}"], c[f"c{j}"], eye) >= 0.05, (eye, i, j)
    assert len(set(MARKS)) == 8


@pytest.mark.anyio
async def test_static_files_are_kept_by_their_content(stranger: httpx.AsyncClient) -> None:
    kept = await stranger.get(asset("app.css"))
    assert kept.status_code == 200
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert kept.headers["x-content-type-options"] == "nosniff"
    plain = await stranger.get("/static/app.css")
    assert plain.headers["cache-control"] == "no-cache"
    assert (await stranger.get("/static/../session.py")).status_code == 404
