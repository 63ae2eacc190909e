"""Drawing a model again is fitting it again, under the counts of the draw."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from service.attribution.models import parse_model
from service.attribution.population import fit, fit_draws
from service.kit.errors import Refusal
from tests.unit.attribution.populations import paths_of

GROUPS = 4
PATHS = ("A B C", "A B", "B C", "C B A", "A", "A B A B", "B B C C A")
counts = st.lists(
    st.lists(st.integers(0, 5), min_size=len(PATHS), max_size=len(PATHS)),
    min_size=GROUPS,
    max_size=GROUPS,
)
MODELS = ("markov", "markov:null=false", "markov:order=2", "markov:order=3")


@given(counts, counts, st.lists(st.integers(0, 3), min_size=GROUPS, max_size=GROUPS))
@settings(max_examples=30)
@pytest.mark.parametrize("model", MODELS)
def test_a_draw_is_a_fit(
    model: str, won: list[list[int]], lost: list[list[int]], draw: list[int]
) -> None:
    paths, _ = paths_of([(path, 1, 1, 1) for path in PATHS])
    spec, weights = parse_model(model), np.array([draw, draw[::-1]], dtype=float)
    tables = np.array(won), np.array(lost), np.array(won) * np.arange(1, len(PATHS) + 1)
    drawn = fit_draws(paths, *map(sparse.csr_array, tables), spec, weights)
    for row, own in enumerate(weights):
        conversions, nulls, values = (own @ table for table in tables)
        counted = replace(
            paths,
            conversions=conversions.astype(np.int64),
            nulls=nulls.astype(np.int64),
            values=values,
        )
        shares = fit(counted, spec).shares
        assert shares is not None
        assert drawn[row] == pytest.approx(shares, abs=1e-12)
        alone = fit_draws(paths, conversions[None], nulls[None], values[None], spec)
        assert alone[0] == pytest.approx(shares, abs=1e-12)


def test_paths_without_a_step_count_for_nothing() -> None:
    paths, _ = paths_of([("", 1, 1, 1), ("A", 1, 1, 1), ("B", 1, 1, 1)])
    order = np.argsort(paths.sizes, kind="stable")
    won = np.zeros((1, 3))
    won[0, order] = [5, 2, 2]
    shares = fit_draws(paths, won, won, won, parse_model("markov"))
    assert shares.tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize(("model", "most"), [("markov", 96), ("shapley_rate", 14)])
def test_more_states_are_fitted_than_drawn(model: str, most: int) -> None:
    spec = parse_model(model)
    paths, _ = paths_of([(f"c{place}", 1, 0, 1) for place in range(most + 1)])
    ones = np.ones((1, most + 1))
    assert fit(paths, spec).shares is not None
    with pytest.raises(Refusal, match=f"up to {most} ") as caught:
        fit_draws(paths, ones, ones, ones, spec)
    assert caught.value.code == "too_many_states"
    fewer = paths.select(np.arange(most + 1) > 0)
    assert fit_draws(fewer, *(ones[:, 1:],) * 3, spec).sum() == pytest.approx(1)
