"""`/v1/models` and the pages follow what is published."""

from pathlib import Path

import pytest

from tests.api.harness import order, running, touch

pytestmark = pytest.mark.anyio


async def test_models_list_the_published_presets(tmp_path: Path) -> None:
    """Before: what is built in. After: the presets with what they mean, and the usual question."""
    async with running(tmp_path) as service:
        before = (await service.ask("/v1/models"))["settings"]
        assert before == {
            "version": 0,
            "draft": False,
            "default_model": "position_based",
            "lookback": "90d",
            "model_presets": [],
        }
        draft = {
            "configuration": {
                "default_model": "@house",
                "lookback": "30d",
                "model_presets": {"house": "linear:max_steps=1", "brand": "u_shaped@marketo"},
            }
        }
        address = "/v1/configuration/draft"
        put = await service.client.put(address, json=draft, headers=service.bearer("admin"))
        assert put.status_code == 200, put.text
        assert (await service.ask("/v1/models"))["settings"] == before
        await service.post({"note": ""}, "/v1/configuration/publish", "admin")
        after = (await service.ask("/v1/models"))["settings"]
        assert (after["version"], after["default_model"], after["lookback"]) == (1, "@house", "30d")
        assert [(p["name"], p["means"]["model"]) for p in after["model_presets"]] == [
            ("@brand", "u_shaped@marketo"),
            ("@house", "linear:max_steps=1"),
        ]
        assert after["model_presets"][1]["means"]["parameters"] == {
            "unique": False,
            "transform": None,
            "max_steps": 1,
        }
        await service.tell(
            touch("p1", "2026-03-01T10:00:00Z", channel="email"),
            touch("p1", "2026-03-02T10:00:00Z", channel="display"),
            order("p1", "2026-03-03T10:00:00Z", "100.00", id="P1"),
        )
        asked = {"from": "2026-03-01", "to": "2026-04-01"}
        answer = await service.ask("/v1/attribution", model="@house", **asked)
        assert [(r["channel"], r["value"]) for r in answer["rows"] if r["value"]] == [
            ("display", 100)
        ]
