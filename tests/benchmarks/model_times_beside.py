"""`python -m tests.benchmarks.model_times_beside world.npz`: the same journeys in ChannelAttribution.

Run by the Python of `make bench-peers`, which has the package (GPL) and nothing of the service.
Making the table of path strings is not in the times.
"""

import contextlib
import importlib
import json
import os
import sys
from typing import Any

from tests.benchmarks.model_world import peak_mb, timed, world_of_arguments


def table_of(world: Any) -> Any:
    frame = importlib.import_module("pandas")
    names = [f"c{code:02d}" for code in range(int(world["codes"].max()) + 1)]
    labels = [names[code] for code in world["codes"].tolist()]
    offsets = world["offsets"].tolist()
    return frame.DataFrame(
        {
            "path": [
                " > ".join(labels[offsets[i] : offsets[i + 1]]) for i in range(len(offsets) - 1)
            ],
            "conversions": world["won"].astype("int64"),
            "value": world["value"].astype("float64"),
            "nulls": (~world["won"]).astype("int64"),
        }
    )


def main() -> None:
    world = world_of_arguments()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        package = importlib.import_module("ChannelAttribution")
    table, found = table_of(world), {}
    columns = {"var_path": "path", "var_conv": "conversions", "var_value": "value"}
    took, _ = timed(lambda: package.heuristic_models(table, **columns, flg_pro=False), 1)
    found["rules"] = {"time": took}
    for order in (1, 2, 3):
        asked = {**columns, "var_null": "nulls", "order": order, "verbose": False, "flg_pro": False}
        took, result = timed(lambda asked=asked: package.markov_model(table, **asked), 1)
        by_name = result.sort_values("channel_name")["total_conversion_value"]
        name = "markov" if order == 1 else f"markov:order={order}"
        found[name] = {"time": took, "shares": (by_name / by_name.sum()).tolist()}
    found["peak_mb"] = peak_mb()
    sys.stdout.write(f"\n{json.dumps(found)}")


if __name__ == "__main__":
    main()
