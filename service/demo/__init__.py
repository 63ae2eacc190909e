"""The demo world: a believable year of a made-up company, as facts, spend and rates."""

from service.demo.scenarios import SCENARIOS, Scenario
from service.demo.world import World, build_world

__all__ = ["SCENARIOS", "Scenario", "World", "build_world"]
