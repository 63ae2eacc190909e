"""Verdicts of compared models: the rule with numbers at its edges."""

from typing import Any

import pytest

from service.reports.verdicts import verdict_of


def cell(conversions: float, share: float, near: float = 0.01, **more: Any) -> dict[str, Any]:
    interval = {
        "conversions": [conversions * 0.9, conversions * 1.1],
        "share": [round(share - near, 6), round(share + near, 6)],
        "roi": [more.get("roi"), more.get("roi")],
    }
    return {"conversions": conversions, "share": share, "roi": None, "interval": interval, **more}


@pytest.mark.parametrize(
    ("first", "last", "verdict", "reason"),
    [
        pytest.param(cell(40, 0.4), cell(39, 0.39), "robust", "models_agree", id="agree"),
        pytest.param(
            cell(19, 0.4), cell(3, 0.1), "too_few_conversions", "few_conversions", id="few"
        ),
        pytest.param(
            cell(20, 0.4), cell(3, 0.1), "depends_on_the_model", "intervals_apart", id="apart"
        ),
        pytest.param(
            cell(40, 0.4, 0.001),
            cell(36, 0.36, 0.001),
            "robust",
            "models_agree",
            id="apart, by little",
        ),
        pytest.param(
            cell(40, 0.4, roi=0.5),
            cell(39, 0.39, roi=-0.1),
            "depends_on_the_model",
            "roi_changes_sign",
            id="roi",
        ),
        pytest.param(
            cell(40, 0.4, roi=0.5),
            cell(39, 0.39, roi=0.0),
            "robust",
            "models_agree",
            id="roi of nought",
        ),
        pytest.param(
            cell(0, 0.0, 0), cell(0, 0.0, 0), "too_few_conversions", "few_conversions", id="nothing"
        ),
    ],
)
def test_verdicts(first: Any, last: Any, verdict: str, reason: str) -> None:
    found = verdict_of({"first_touch": first, "last_touch": last})
    assert (found["verdict"], found["because"]["reason"]) == (verdict, reason)


def test_a_wide_interval_is_too_little_to_say() -> None:
    wide = cell(40, 0.4)
    wide["interval"]["conversions"] = [19, 60]
    found = verdict_of({"first_touch": wide, "last_touch": wide})
    assert found["verdict"] == "too_few_conversions"
    assert found["because"] == {
        "reason": "wide_interval",
        "most_conversions": 40,
        "half_width": 0.5125,
        "lowest": {"model": "first_touch", "share": 0.4, "interval": [0.39, 0.41]},
        "highest": {"model": "last_touch", "share": 0.4, "interval": [0.39, 0.41]},
        "worst_roi": None,
        "best_roi": None,
    }


def test_disagreement() -> None:
    found = verdict_of({"a": cell(40, 0.4), "b": cell(30, 0.3), "c": cell(35, 0.35)})
    assert found["disagreement"] == {"lowest": 0.3, "highest": 0.4, "range": 0.1}
    assert found["because"]["lowest"]["model"] == "b"
    assert found["because"]["highest"]["model"] == "a"


def test_a_model_without_intervals_does_not_decide() -> None:
    silent = cell(40, 0.4) | {"interval": {"conversions": None, "share": None, "roi": None}}
    assert verdict_of({"linear": silent})["because"]["half_width"] is None
    assert verdict_of({"linear": silent, "last_touch": cell(40, 0.4)})["verdict"] == "robust"
