"""What stands for an erased text lies where that text lay, and tells nothing of it."""

from hypothesis import given
from hypothesis import strategies as st

from service.ledger.nameless import between, kind_of, nameless, stand_ins, value_of

texts = st.text("abz019-_.@:", min_size=1, max_size=6)
kinds = st.sampled_from(("email", "user_id", "click:gclid"))
names = st.sets(st.builds("{}:{}".format, kinds, texts), max_size=12)


@given(st.sets(texts, max_size=12), st.sets(texts))
def test_the_order_of_texts_stays(all_of: set[str], gone: set[str]) -> None:
    before = sorted(all_of)
    new = between(before, gone)
    assert new.keys() == all_of & gone
    after = [new.get(text, text) for text in before]
    assert after == sorted(set(after))


@given(names, st.data())
def test_identifiers_keep_kind_and_order(all_of: set[str], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from(sorted(all_of)))) if all_of else set()
    new = stand_ins(all_of, gone)
    assert new.keys() == gone
    assert all(kind_of(old) == kind_of(one) for old, one in new.items())
    by_kind = sorted(all_of, key=lambda name: (kind_of(name), value_of(name)))
    after = [new.get(name, name) for name in by_kind]
    assert after == sorted(set(after), key=lambda name: (kind_of(name), value_of(name)))


def test_a_page_keeps_its_path_without_names() -> None:
    url = "https://shop.test/u/ann%40example.com/orders/a-1/a-12?email=ann@example.com#a-1"
    payload = {"identifiers": ["anonymous_id:a-1"], "page": {"url": url, "referrer": "//b.test/x"}}
    assert nameless(payload, {"anonymous_id:a-1": "anonymous_id:#erased-1"}) == (
        '{"identifiers":["anonymous_id:#erased-1"],"page":{"referrer":"https://b.test/",'
        '"url":"https://shop.test/u/erased/orders/erased/a-12"}}'
    )
