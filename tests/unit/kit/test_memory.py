"""What is asked for last stays; what is not, goes."""

from service.kit.memory import Memory


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    memory: Memory[str] = Memory(2)
    memory.keep(1, "one")
    memory.keep(2, "two")
    assert memory.get(1) == "one"
    memory.keep(3, "three")
    assert [memory.get(key) for key in (1, 2, 3)] == ["one", None, "three"]
    assert len(memory) == 2


def test_what_is_known_is_not_made_again() -> None:
    memory: Memory[list[int]] = Memory(2)
    made = memory.get_or_make("key", list)
    assert memory.get_or_make("key", lambda: [1]) is made
    memory.forget()
    assert memory.get_or_make("key", lambda: [1]) == [1]
