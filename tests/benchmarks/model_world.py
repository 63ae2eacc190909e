"""A million journeys in integer codes, for the models and for a package beside them."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

JOURNEYS, CHANNELS, GROUPS, DRAWS = 1_000_000, 20, 200, 1_000


def make_world(file: Path) -> None:
    """Write `codes`, `offsets`, `won` and `value` (cents): three touches each on average, eight in a
    hundred convert, the channels are as unequal as 1, 1/2, 1/3 …"""
    random = np.random.Generator(np.random.PCG64(20_260_301))
    sizes = np.minimum(random.geometric(0.3, JOURNEYS), 20)
    chances = 1 / np.arange(1, CHANNELS + 1)
    codes = random.choice(CHANNELS, sizes.sum(), p=chances / chances.sum())
    won = random.random(JOURNEYS) < 0.08
    value = np.where(won, random.integers(1_000, 90_000, JOURNEYS), 0)
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    np.savez(file, codes=codes.astype(np.int32), offsets=offsets, won=won, value=value)


def timed(work: Callable[[], Any], times: int = 3) -> tuple[dict[str, float], Any]:
    """The quickest of so many runs in seconds, by the clock and of the processor, and its result."""
    found, wall, cpu = None, [], []
    for _ in range(times):
        started, spent = time.perf_counter(), time.process_time()
        found = work()
        wall.append(time.perf_counter() - started)
        cpu.append(time.process_time() - spent)
    return {"wall": min(wall), "cpu": min(cpu)}, found


def peak_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def world_of_arguments() -> dict[str, NDArray[Any]]:
    with np.load(sys.argv[1]) as file:
        return {name: file[name] for name in file.files}
