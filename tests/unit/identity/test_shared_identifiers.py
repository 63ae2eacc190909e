"""Guards keep strangers apart: what one identifier may join, and when it is shared."""

from itertools import pairwise

import pytest

from service.identity.resolve import ROUNDS
from tests.unit.identity.cases import Names


def kiosk(people: int) -> Names:
    names = Names()
    for index in range(people):
        names.link("kiosk", f"person{index}@")
    return names


@pytest.mark.parametrize(
    ("people", "shared"),
    [
        pytest.param(20, set(), id="at the limit all are one"),
        pytest.param(21, {"kiosk"}, id="above it the kiosk is out"),
        pytest.param(25, {"kiosk"}, id="far above"),
    ],
)
def test_a_kiosk_is_shared_above_the_limit(people: int, shared: set[str]) -> None:
    assert kiosk(people).shared() == shared
    assert len(kiosk(people).people()) == (people + 1 if shared else 1)


def test_people_at_a_kiosk_keep_what_else_they_have() -> None:
    names = kiosk(25)
    names.link("person3@", "own browser")
    assert frozenset({"person3@", "own browser"}) in names.people()
    assert frozenset({"kiosk"}) in names.people()


def test_somebody_with_many_browsers_is_one_person() -> None:
    names = Names()
    for index in range(30):
        names.link("ann@", f"browser{index}")
    assert names.shared() == set()
    assert len(names.people()) == 1


def test_somebody_with_many_browsers_and_two_names_is_one_person() -> None:
    """Both names have many neighbours, and neither may count the other's browsers as strangers."""
    names = Names()
    for index in range(30):
        names.link("ann@", "user-ann@", f"browser{index}")
    assert names.shared() == set()
    assert len(names.people()) == 1


def test_many_known_identifiers_of_one_person_are_not_unrelated() -> None:
    names = Names()
    own = [f"alias{index}@" for index in range(25)]
    for one, two in pairwise(own):
        names.link(one, two)
    for one in own:
        names.link("browser", one)
    assert names.shared() == set()


def test_two_browsers_at_the_same_counter_are_both_shared() -> None:
    names = Names()
    for index in range(21):
        names.link("kiosk one", f"person{index}@")
        names.link("kiosk two", f"person{index}@")
    assert names.shared() == {"kiosk one", "kiosk two"}


def test_a_call_centre_telephone_is_shared_though_it_is_known() -> None:
    names = Names()
    for index in range(21):
        names.link("telephone@", f"person{index}@")
    assert names.shared() == {"telephone@"}


def test_regulars_of_a_kiosk_who_have_many_browsers_count_once_each() -> None:
    """Twelve people with two names each are 12, not 24, though each name is held at first."""
    names = Names()
    for person in range(12):
        for index in range(21):
            names.link(f"ann{person}@", f"user{person}@", f"browser{person}-{index}")
        names.link("kiosk", f"ann{person}@", f"user{person}@")
    assert names.shared() == set()


def test_a_device_is_shared_when_the_owners_of_its_browsers_are_many() -> None:
    """The browsers name nobody before their owners, who have many others, are let back."""
    names = Names()
    for person in range(21):
        names.link("device", f"browser{person}")
        for index in range(21):
            names.link(f"person{person}@", f"browser{person}-{index}")
        names.link(f"person{person}@", f"browser{person}")
    assert names.shared() == {"device"}


def test_a_router_of_many_devices_waits_until_it_is_seen_whose_they_are() -> None:
    names = Names()
    for person in range(21):
        names.link("router", f"device{person}")
        names.link(f"device{person}", f"person{person}@")
        for index in range(21):
            names.link(f"device{person}", f"browser{person}-{index}")
    assert names.shared() == {"router"}


def test_many_links_into_one_group_are_one_link() -> None:
    names = Names()
    for index in range(255):
        names.link(f"browser{index}", f"browser{index + 1}")
    for index in range(256):
        names.link("ann@", f"browser{index}")
    for index in range(21):
        names.link("kiosk", f"person{index}@")
    names.link("ann@", "kiosk")
    assert names.shared() == {"kiosk"}
    assert len(names.people()) == 23


@pytest.mark.parametrize(
    ("length", "shared"),
    [
        pytest.param(2 * ROUNDS, set(), id="all come back"),
        pytest.param(2 * ROUNDS + 1, {f"hub{2 * ROUNDS}"}, id="the last does not"),
    ],
)
def test_a_chain_let_back_one_by_one_ends_after_two_kinds_of_rounds(
    length: int, shared: set[str]
) -> None:
    """Hub k joins groups 2k … 2k+3, one too many until hub k-1 has made one of the first two."""
    names = Names()
    for group in range(2 * length + 2):
        for part in range(4):
            names.link(f"group{group}-{part}", f"group{group}-{part + 1}")
        names.link(f"group{group}-4", f"person{group}@")
    for hub in range(length):
        for part in range(4):
            names.link(f"hub{hub}", f"group{2 * hub + part}-{part}")
    names.link("group0-4", "group1-4")
    assert names.shared(limit=3) == shared


def test_a_limit_of_one_keeps_two_people_apart() -> None:
    names = Names()
    names.link("browser", "ann@")
    names.link("browser", "bob@")
    assert names.shared(limit=1) == {"browser"}
    assert names.shared(limit=2) == set()
