"""Visitors without cookies: one for a day, a site, an agent and an address, and nobody's later."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from service.collect.visitors import Visitors, random_salts

MORNING = datetime(2026, 3, 1, tzinfo=UTC)
WORDS = st.text(max_size=20)
SEEN = st.tuples(WORDS.map(str.lower), WORDS, WORDS)


def salted(day: date) -> bytes:
    return day.isoformat().encode()


def test_one_visitor_until_midnight_and_another_after_it() -> None:
    visitors = Visitors(salted)
    seen = ("example.com", "Firefox", "203.0.113.7")
    first = visitors.visitor(MORNING, *seen)
    assert visitors.visitor(MORNING + timedelta(hours=23, minutes=59), *seen) == first
    assert visitors.visitor(MORNING + timedelta(hours=24), *seen) != first


def test_the_day_is_that_of_utc() -> None:
    asked: list[date] = []

    def salt_of(day: date) -> bytes:
        asked.append(day)
        return b"salt"

    late = datetime.fromisoformat("2026-03-01T23:30:00-02:00")
    Visitors(salt_of).visitor(late, "example.com", "", "")
    assert asked == [date(2026, 3, 2)]


def test_the_salt_is_asked_for_once_a_day() -> None:
    asked: list[date] = []

    def salt_of(day: date) -> bytes:
        asked.append(day)
        return b"salt"

    visitors = Visitors(salt_of)
    for hours in (0, 1, 2, 25, 26):
        visitors.visitor(MORNING + timedelta(hours=hours), "example.com", "Firefox", "::1")
    assert asked == [date(2026, 3, 1), date(2026, 3, 2)]


def test_nothing_of_the_address_is_in_the_id() -> None:
    found = Visitors(salted).visitor(MORNING, "example.com", "Firefox", "203.0.113.7")
    assert len(found) == 24
    assert set(found) <= set("0123456789abcdef")


@given(SEEN, SEEN)
def test_visitors_are_one_where_all_that_is_seen_is_the_same(
    left: tuple[str, str, str], right: tuple[str, str, str]
) -> None:
    visitors = Visitors(salted)
    same = visitors.visitor(MORNING, *left) == visitors.visitor(MORNING, *right)
    assert same == (left == right)


def test_salts_of_a_process_alone_are_random() -> None:
    one, other = random_salts(), random_salts()
    assert one(date(2026, 3, 1)) == one(date(2026, 3, 1)) != one(date(2026, 3, 2))
    assert one(date(2026, 3, 1)) != other(date(2026, 3, 1))
