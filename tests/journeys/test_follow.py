"""How long the follower rests: the intake shall feel little of it, and facts show up soon."""

import pytest

from service.journeys.follow import rest_after


@pytest.mark.parametrize(
    ("took", "interval", "rest"),
    [
        pytest.param(0.0, 0.25, 0.25, id="nothing new"),
        pytest.param(0.05, 0.25, 0.4, id="a short one"),
        pytest.param(0.5, 0.25, 1.3, id="a long one"),
        # Three times what catching up with a million facts took was once a wait of 12 seconds.
        pytest.param(4.0, 0.25, 1.3, id="catching up"),
        pytest.param(4.0, 5.0, 5.0, id="as configured"),
    ],
)
def test_the_rest(took: float, interval: float, rest: float) -> None:
    assert rest_after(took, interval) == rest
