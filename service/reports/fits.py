"""Fits of models of the population, remembered: the same paths are fitted once."""

import threading
from collections import OrderedDict
from hashlib import blake2b

from service.attribution.fitted import Fit
from service.attribution.models import ModelSpec
from service.attribution.paths import Paths
from service.attribution.population import fit

REMEMBERED = 64

_fits: OrderedDict[bytes, Fit] = OrderedDict()
_lock = threading.Lock()


def remembered_fit(paths: Paths, model: ModelSpec) -> Fit:
    """The fit of these very paths, from memory where it was made before."""
    digest = blake2b(repr((str(model), model.parameters, paths.state_count)).encode())
    for column in (paths.offsets, paths.codes, paths.conversions, paths.nulls, paths.values):
        digest.update(column.tobytes())
    key = digest.digest()
    with _lock:
        if key in _fits:
            _fits.move_to_end(key)
            return _fits[key]
    found = fit(paths, model)
    with _lock:
        _fits[key] = found
        while len(_fits) > REMEMBERED:
            _fits.popitem(last=False)
    return found
