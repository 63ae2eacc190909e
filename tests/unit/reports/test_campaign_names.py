"""Which campaign is meant: by id, by name, by rule, whatever the order of what is known."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.kit.errors import Refusal
from service.reports.campaigns import Namer, Rules, key_of, parse_rules

NONE = Rules(rules=[])
Pair = tuple[str | None, str | None]


def label(known: list[Pair], name: str | None, number: str | None, rules: Rules = NONE) -> Any:
    return Namer(rules, known).label("google", "cpc", name, number)


def rules(*pairs: tuple[dict[str, str], dict[str, str]]) -> Rules:
    return parse_rules({"rules": [{"match": match, "to": to} for match, to in pairs]})


@pytest.mark.parametrize(
    ("known", "name", "number", "expected"),
    [
        ([], None, None, None),
        ([(None, "Spring")], "Spring", None, "Spring"),
        ([("42", None)], None, "42", "42"),
        ([("42", "Spring")], None, "42", "Spring"),
        ([("42", "Spring"), ("42", "Autumn")], "Spring", "42", "Autumn"),
        # A name that the campaign once had stands for it, in whatever way it is written.
        ([("42", "Spring"), ("42", "Autumn"), (None, " SPRING")], " SPRING", None, "Autumn"),
        # One that two campaigns have stands for itself.
        ([("1", "A"), ("1", "Brand"), ("2", "B"), ("2", "Brand")], "Brand", None, "Brand"),
        ([("1", "Brand"), ("2", "Brand")], "brand", None, "Brand"),
        ([(None, "big  sale"), (None, "Big Sale")], "big  sale", None, "Big Sale"),
        ([(None, "Größe"), (None, "GRÖSSE")], "Größe", None, "GRÖSSE"),
        ([(None, "e\u0301te\u0301"), (None, "été")], "été", None, "e\u0301te\u0301"),
    ],
)
def test_by_id_then_by_name(known: list[Pair], name: Any, number: Any, expected: Any) -> None:
    for order in permutations(known):
        assert label(list(order), name, number) == expected


@pytest.mark.parametrize(
    ("match", "name", "number", "fits"),
    [
        ({"campaign": "spring_*"}, "Spring_2026", None, True),
        ({"campaign": "spring_*"}, "a spring_2026", None, False),
        ({"campaign": "*_2026"}, "spring_2026", "7", True),
        ({"campaign": "spring?"}, "springs", None, True),
        ({"campaign": "spring?"}, "spring", None, False),
        ({"campaign": "[s]pring"}, "spring", None, False),
        ({"campaign": "[s]pring"}, "[S]pring", None, True),
        ({"campaign": ""}, None, None, True),
        ({"campaign": ""}, "spring", None, False),
        ({"campaign_id": "7"}, "spring", "7", True),
        ({"campaign_id": "7"}, "spring", None, False),
        ({"source": "GOOGLE", "medium": "c*"}, "anything", None, True),
        ({"source": "bing", "campaign": "spring"}, "spring", None, False),
    ],
)
def test_a_rule_fits_where_all_of_it_does(match: Any, name: Any, number: Any, fits: bool) -> None:
    made = rules((match, {"campaign": "The Spring"}))
    known: list[Pair] = [(number, name)]
    expected = "The Spring" if fits else (name or number)
    assert label(known, name, number, made) == expected


def test_the_first_rule_that_fits_decides_and_its_name_is_shown() -> None:
    made = rules(
        ({"campaign": "spring*"}, {"campaign": "SPRING"}),
        ({"campaign": "spring sale"}, {"campaign": "Sale"}),
        ({"campaign_id": "8"}, {"campaign_id": "7"}),
        ({"campaign_id": "9"}, {"campaign_id": "10"}),
    )
    known: list[Pair] = [(None, "spring"), (None, "spring sale"), ("7", "Old"), ("8", "New")]
    assert label(known, "spring sale", None, made) == "SPRING"
    assert label(known, "spring", None, made) == "SPRING"
    assert label(known, "New", "8", made) == "Old"
    assert label(known, None, "9", made) == "10"


def test_a_line_with_the_id_alone_is_ruled_by_its_name() -> None:
    made = rules(({"campaign": "spring*"}, {"campaign": "Spring"}))
    assert label([("42", "spring_1")], None, "42", made) == "Spring"


NAMES = st.none() | st.sampled_from(["a", "A", " a", "b", "B ", "c", "ss", "ß"])
IDS = st.none() | st.sampled_from(["1", "2", "3"])


@given(st.lists(st.tuples(IDS, NAMES), max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_what_is_known_changes_nothing(known: list[Pair], random: Any) -> None:
    shuffled = list(known)
    random.shuffle(shuffled)
    one, other = Namer(NONE, known), Namer(NONE, shuffled + known)
    for number, name in known:
        found = one.label("x", "y", name, number)
        assert found == other.label("x", "y", name, number)
        assert (found is None) == (name is None and number is None)
        # Named again it is the same campaign: who follows a label ends up in its row.
        assert key_of(one.label("x", "y", found, None) or "") == key_of(found or "") or number


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ([], "wrong_type", ""),
        ({}, "missing_field", "rules"),
        ({"rules": [{"to": {"campaign": "x"}}]}, "missing_field", "rules.0.match"),
        ({"rules": [{"match": {}, "to": {"campaign": "x"}}]}, "wrong_type", "rules.0.match"),
        ({"rules": [{"match": {"channel": "x"}, "to": {"campaign": "x"}}]}, "unknown_field", "rules.0.match.channel"),
        ({"rules": [{"match": {"campaign": "x"}, "to": {}}]}, "wrong_type", "rules.0.to"),
        ({"rules": [{"match": {"campaign": "x"}, "to": {"campaign": "x", "campaign_id": "1"}}]}, "wrong_type", "rules.0.to"),
        ({"rules": [{"match": {"campaign": "x"}, "to": {"campaign": ""}}]}, "empty", "rules.0.to.campaign"),
        ({"rules": [{"match": {"campaign": "*" * 6}, "to": {"campaign": "x"}}]}, "wrong_type", "rules.0.match.campaign"),
        ({"rules": [{"match": {"campaign": 7}, "to": {"campaign": "x"}}]}, "wrong_type", "rules.0.match.campaign"),
        ({"rules": [{"match": {"campaign": "a\x00"}, "to": {"campaign": "x"}}]}, "nul_character", "rules.0.match.campaign"),
        ({"rules": [{"match": {"campaign": "x"}, "to": {"campaign": "x"}}] * 501}, "too_many", "rules"),
    ],
)  # fmt: skip
def test_rules_that_make_no_sense_are_refused_by_field(asked: Any, code: str, field: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_rules(asked)
    assert (caught.value.code, caught.value.field) == (code, field)
