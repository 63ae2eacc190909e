"""What several models make of the same loaded conversions, made once while those are held."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from service.reports.load import Loaded

T = TypeVar("T")
_made: WeakKeyDictionary[Loaded, dict[Hashable, Any]] = WeakKeyDictionary()


def once(loaded: Loaded, key: Hashable, make: Callable[[], T]) -> T:
    """What `make` gave for this key; it must not hold `loaded`, which would never be let go."""
    known = _made.setdefault(loaded, {})
    if key not in known:
        known[key] = make()
    found: T = known[key]
    return found
