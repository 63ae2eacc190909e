"""How a law is tried: on both databases, a few rich worlds each."""

from collections.abc import Callable

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.laws.ledgers import Ledger

# Making a failing world smaller takes minutes: not while others wait.
HASTY = (Phase.explicit, Phase.reuse, Phase.generate)
Check = Callable[[Ledger, st.DataObject], None]


def law(sqlite: int, postgres: int) -> Callable[[Check], Callable[..., None]]:
    """Make a test of `check(empty ledger, data)`: so many examples on each database.

    A world costs tenths of a second and holds several towns, each of them a case of its own.
    """
    databases = [
        pytest.param("sqlite_world", sqlite, id="sqlite"),
        pytest.param("postgres_world", postgres, id="postgres", marks=pytest.mark.postgres),
    ]

    def decorate(check: Check) -> Callable[..., None]:
        @pytest.mark.parametrize(("database", "examples"), databases if postgres else databases[:1])
        def test(request: pytest.FixtureRequest, database: str, examples: int) -> None:
            ledger = request.getfixturevalue(database)

            def example(data: st.DataObject) -> None:
                check(ledger.empty(), data)

            example.__name__ = check.__name__  # each law remembers its own failures
            settings(max_examples=examples, phases=_phases())(given(st.data())(example))()

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return decorate


def _phases() -> tuple[Phase, ...]:
    return HASTY if settings().derandomize else (*HASTY, Phase.shrink)
