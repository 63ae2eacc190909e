"""Scenarios of people, told in any year: one test per scenario, by its name."""


def test_late_identify(told) -> None:
    pages = told.by("anonymous_id", "a-story-late", "page")
    known = told.by("anonymous_id", "a-story-late", "identify")
    assert len(known) == 1
    days = sorted({told.day(page) for page in pages})
    assert len(days) == 4
    assert 45 <= told.day(known[0]) - days[0] <= 53
    assert all(page["occurred_at"] < known[0]["occurred_at"] for page in pages)
    assert [stage for stage, _ in told.deal("D-story-late")] == ["opportunity", "won"]


def test_two_devices(told) -> None:
    desk, mobile = (
        told.by("anonymous_id", f"a-story-{name}", "identify")[0]
        for name in ("devices", "devices-mobile")
    )
    assert desk["identifiers"]["email"] == mobile["identifiers"]["email"]
    assert (
        told.by("anonymous_id", "a-story-devices-mobile", "page")[0]["occurred_at"]
        < (desk["occurred_at"])
    )


def test_shared_kiosk(told) -> None:
    guests = [
        f["identifiers"]["email"] for f in told.by("anonymous_id", "a-story-kiosk", "identify")
    ]
    assert len(set(guests)) == 26 > 20
    elsewhere = {
        f["identifiers"]["anonymous_id"] for g in guests for f in told.by("email", g, "identify")
    }
    assert len(elsewhere - {"a-story-kiosk"}) == 26


def test_placeholder_identifiers(told) -> None:
    links = told.by("user_id", "undefined", "identify") + told.by("user_id", "null", "identify")
    assert len({fact["identifiers"]["anonymous_id"] for fact in links}) == 14
    assert len({told.day(fact) for fact in links}) <= 3


def test_placeholder_emails(told) -> None:
    leads = told.by("email", "info@lumenforge.example", "lead")
    assert len({fact["identifiers"]["crm_contact_id"] for fact in leads}) == 8
    assert len({fact["account"]["id"] for fact in leads}) == 8


def test_consent_withdrawn(told) -> None:
    choices = [
        f["consent"]["analytics"] for f in told.by("anonymous_id", "a-story-consent", "consent")
    ]
    assert choices == ["granted", "denied"]
    pages = told.by("anonymous_id", "a-story-consent", "page")
    denied = told.by("anonymous_id", "a-story-consent", "consent")[1]
    assert len(pages) >= 2
    assert all(page["occurred_at"] < denied["occurred_at"] for page in pages)
    assert {f["consent"]["analytics"] for f in told.of("consent")} == {"granted", "denied"}


def test_buying_committee(told) -> None:
    members = [f for f in told.of("group") if f["account"]["id"] == "acc-story-committee"]
    assert len({f["identifiers"]["crm_contact_id"] for f in members}) == 5
    assert len({f["account"]["domain"] for f in members}) == 1
    deals = [f["deal"] for f in told.of("deal") if f["deal"]["id"] == "D-story-committee"]
    assert [len(deal["contacts"]) for deal in deals] == [2, 2]
    browsers = [f"a-story-committee-{number}" for number in range(1, 6)]
    first = [told.by("anonymous_id", name, "page")[0]["page"] for name in browsers]
    assert len({page.get("referrer", page["url"].partition("?")[0]) for page in first}) >= 4


def test_payment_return(told) -> None:
    back = [fact for fact, _, host in told.entries if host == "checkout.stripe.com"]
    assert [fact["identifiers"]["user_id"] for fact in back] == ["u-story-payment"]
    order = told.by("user_id", "u-story-payment", "order")[0]
    assert (order["order"]["id"], order["order"]["amount"]) == ("O-story-payment", "149.00")
