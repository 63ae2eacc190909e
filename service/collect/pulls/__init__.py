"""Scheduled pulls: what advertising cost, asked of the platforms themselves.

A platform is one module of this package that holds a `PLATFORM`; it is found by itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from service.collect.pulls.asking import Asker
from service.collect.pulls.options import PullOptions

Fetch = Callable[[Any, Asker, date, date], list[Any]]
"""Options, what to ask with, first and last day → items of `POST /v1/spend`. Raises PullError."""


@dataclass(frozen=True, slots=True)
class Platform:
    """`account` gives the account of the options, which is part of the name of each line."""

    name: str
    title: str
    options: type[PullOptions]
    fetch: Fetch
    account: Callable[[Any], str]


@cache
def platforms() -> Mapping[str, Platform]:
    """The platforms by name."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    found: list[Platform] = [m.PLATFORM for m in modules if hasattr(m, "PLATFORM")]
    return {platform.name: platform for platform in sorted(found, key=lambda p: p.name)}
