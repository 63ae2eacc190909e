"""What models of all journeys take on a million of them, beside ChannelAttribution 2.2.5."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.measuring import report
from tests.benchmarks.model_world import make_world

pytestmark = pytest.mark.bench
ROOT = Path(__file__).parents[2]
BESIDE = Path(sys.prefix) / "peers" / "bin" / "python"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("models") / "world.npz"
    make_world(file)
    return file


@pytest.fixture(scope="module")
def ours(world: Path) -> Any:
    return measured(sys.executable, "model_times", world)


def measured(python: str, module: str, world: Path) -> Any:
    command = [python, "-m", f"tests.benchmarks.{module}", str(world)]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    return json.loads(told.splitlines()[-1])


def test_a_million_journeys(ours: Any) -> None:
    paths = ours["paths"]
    for name, found in ours.items():
        if isinstance(found, dict) and "fit" not in found:
            report(f"{name}, a million journeys, {paths:,} paths", **seconds(found))
    report("models of a million journeys", peak_mb=ours["peak_mb"])


def test_a_thousand_draws(ours: Any) -> None:
    for name in ("markov", "shapley"):
        found = ours[f"{name}, drawn"]
        fit, paths, drawn = (found[part]["cpu"] for part in ("fit", "paths", "time"))
        report(
            f"{name}, a thousand draws beside one fit",
            paths=paths,
            fit=fit,
            draws=drawn,
            ratio=drawn / (paths + fit),
            ratio_to_the_fit_alone=drawn / fit,
        )


@pytest.mark.skipif(not BESIDE.exists(), reason="ChannelAttribution is not there: make bench-peers")
def test_beside_channelattribution(ours: Any, world: Path) -> None:
    beside = measured(str(BESIDE), "model_times_beside", world)
    for name in ("rules", "markov", "markov:order=2", "markov:order=3"):
        mine, other = ours[name]["time"], beside[name]["time"]
        apart = {}
        if name != "rules":
            pairs = zip(ours[name]["shares"], beside[name]["shares"], strict=True)
            apart["credit_elsewhere"] = sum(abs(a - b) for a, b in pairs) / 2
        report(
            f"{name} beside ChannelAttribution",
            ours_cpu=mine["cpu"],
            theirs_cpu=other["cpu"],
            ratio_cpu=other["cpu"] / mine["cpu"],
            ratio_wall=other["wall"] / mine["wall"],
            **apart,
        )
    report("memory", ours_mb=ours["peak_mb"], theirs_mb=beside["peak_mb"])


def seconds(found: Any) -> dict[str, float]:
    times = {"wall": found["time"]["wall"], "cpu": found["time"]["cpu"]}
    return times | ({"cpu_of_paths": found["of_paths"]["cpu"]} if "of_paths" in found else {})
