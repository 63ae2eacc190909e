"""Fits of models of the population, remembered: the same paths are fitted once."""

from hashlib import blake2b

from service.attribution.fitted import Fit
from service.attribution.models import ModelSpec
from service.attribution.paths import Paths
from service.attribution.population import fit
from service.kit.memory import Memory

REMEMBERED = 64

_fits: Memory[Fit] = Memory(REMEMBERED)


def remembered_fit(paths: Paths, model: ModelSpec) -> Fit:
    """The fit of these very paths, from memory where it was made before."""
    digest = blake2b(repr((str(model), model.parameters, paths.state_count)).encode())
    for column in (paths.offsets, paths.codes, paths.conversions, paths.nulls, paths.values):
        digest.update(column.tobytes())
    return _fits.get_or_make(digest.digest(), lambda: fit(paths, model))
