"""Every wire format, found by itself: a module of this package that holds a `FORMAT`."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from service.collect.wire import Format


@cache
def formats() -> Mapping[str, Format]:
    """The formats by name, in the order of their names."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    found: list[Format] = [m.FORMAT for m in modules if hasattr(m, "FORMAT")]
    return {wire.name: wire for wire in sorted(found, key=lambda wire: wire.name)}
