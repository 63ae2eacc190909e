"""Stories of identity, consent and orders: who is one person, who is not, and what came back."""

from service.demo.campaigns import BY_KEY
from service.demo.crm import Lead
from service.demo.goods import Line
from service.demo.people import BOTS
from service.demo.scene import Known, Visitor
from service.demo.shop import Buyer, Shop
from service.demo.stories import Teller

KIOSK = "a-story-kiosk"
SHARED_ADDRESS = "info@lumenforge.example"
KIOSK_GUESTS = 26
_TAG_FAULTS = 14
_WALK_INS = 8
_BOT_PAGES = 480
_FEWEST_BOT_PAGES = 40
_SENSORS = Line("SEN-MO", "Motion sensor", 2, 9_800, 4_300)
_LAMP = Line("LMP-HB", "High bay lamp", 1, 14_900, 9_300)


def tell(teller: Teller, shop: Shop) -> None:
    """Writes all stories of this file."""
    _two_devices(teller)
    _kiosk(teller)
    _undefined(teller)
    _walk_ins(teller)
    _consent(teller)
    _bots(teller)
    _orders(teller, shop)
    _payment_return(teller, shop)


def _two_devices(teller: Teller) -> None:
    """The telephone is a stranger until a mail is opened on it."""
    company = teller.company("devices", "Fenwick Foods", "foods")
    person = teller.contact("devices", "Julia Brandt", company)
    mobile = teller.browser("devices-mobile")
    teller.visits(mobile, (60, "social_posts"))
    second = teller.visits(person.visitor, (57, "brand"))
    teller.form("devices", person, company, second, "brand")
    clicked = teller.on(50, 9, 10)
    touch = BY_KEY["nurture"].touch("email_click", "mail-6")
    teller.book.add("email", clicked - 3, "touch", {"email": person.email}, touch=touch)
    opened = teller.visits(mobile, (50, "nurture"))
    known = {"anonymous_id": mobile.anonymous_id, "email": person.email}
    teller.crm.identify(opened + 5, known)


def _kiosk(teller: Teller) -> None:
    """Guests of the showroom, each known from their own browser, sign in on one tablet."""
    tablet = Visitor(KIOSK, teller.browser("kiosk").user_agent)
    for number in range(1, KIOSK_GUESTS + 1):
        guest = teller.browser(f"guest-{number:02d}")
        email = f"guest.{number:02d}@visitor-{number:02d}.example"
        second = teller.visits(guest, (160 - number, "direct"))
        teller.crm.identify(second + 5, {"anonymous_id": guest.anonymous_id, "email": email})
        sat_down = teller.on(120 - number % 2, 9) + number * 900
        signed_in = teller.traffic.visit(sat_down, tablet, BY_KEY["direct"], then=("/demo",))
        teller.crm.identify(signed_in + 5, {"anonymous_id": KIOSK, "email": email})


def _undefined(teller: Teller) -> None:
    """For three days a release of the tag sent the word `undefined` as the user's id."""
    for number in range(1, _TAG_FAULTS + 1):
        visitor = teller.browser(f"undefined-{number}")
        second = teller.visits(visitor, (30 - number % 3, "organic"))
        value = "null" if number % 4 == 0 else "undefined"
        teller.crm.identify(second + 5, {"anonymous_id": visitor.anonymous_id, "user_id": value})


def _walk_ins(teller: Teller) -> None:
    """Sales types its own collective address for people who left none."""
    for number in range(1, _WALK_INS + 1):
        company = teller.company(f"walk-in-{number}", f"Walkin Works {number}", "metals")
        person = teller.contact(f"walk-in-{number}", f"Walk In {number}", company)
        person.identifiers["email"] = SHARED_ADDRESS
        second = teller.on(90 - number, 10, number)
        lead = Lead(f"L-story-walk-in-{number}", person, company, BY_KEY["direct"], second)
        teller.crm.lead(second, lead, "lead", form="Walk-in")


def _consent(teller: Teller) -> None:
    """Choices in the banner: most of the known agreed, and one takes it back."""
    for number, person in enumerate(teller.scene.known):
        if number % 12 == 0:
            choice = "denied" if number % 60 == 0 else "granted"
            _choose(teller, person.since + 7, person.visitor, choice)
    visitor = teller.browser("consent")
    _choose(teller, teller.on(35, 9), visitor, "granted")
    teller.visits(visitor, (35, "organic"), (28, "direct"))
    _choose(teller, teller.on(28, 16), visitor, "denied")


def _choose(teller: Teller, second: int, visitor: Visitor, choice: str) -> None:
    identifiers = {"anonymous_id": visitor.anonymous_id}
    teller.book.add("website", second, "consent", identifiers, consent={"analytics": choice})


def _bots(teller: Teller) -> None:
    """Crawlers, a quarter of which pretend to come from the native ads."""
    rhythm = teller.scene.rhythm(teller.rng)
    native = BY_KEY["native"]
    query = native.query(native.variants[0])
    for number in range(max(_FEWEST_BOT_PAGES, teller.scene.count(_BOT_PAGES))):
        agent = BOTS[number % len(BOTS)]
        bot = Visitor(f"a-bot-{number % 40 + 1:02d}", agent)
        second = rhythm.moment(rhythm.day("shoppers"), "shoppers")
        url = "https://www.lumenforge.example/guides/lighting-guide"
        if number % 4 == 0:
            teller.traffic.page(second, bot, f"{url}?{query}", native.referrers[0])
        else:
            teller.traffic.page(second, bot, url)


def new_buyer(teller: Teller, slug: str) -> Buyer:
    """Somebody with a browser, an address and an account in the shop."""
    email = f"{slug}@{slug}-home.example"
    person = Known(email, 0, teller.browser(slug))
    return Buyer(person, f"u-story-{slug}")


def bought(teller: Teller, shop: Shop, buyer: Buyer, order_id: str, start: int, key: str) -> None:
    """A visit from `start` on and an order of two sensors and a lamp, 247.00."""
    way, visitor = BY_KEY[key], buyer.person.visitor
    ending = ("/cart", "/checkout", "/order-confirmed")
    second = teller.traffic.visit(start, visitor, way, "shoppers", ending, buyer.user_id)
    teller.crm.identify(second, {"anonymous_id": visitor.anonymous_id, **buyer.identifiers})
    lines = (_SENSORS, _LAMP)
    shop.order(second + 1, buyer, order_id, "completed", 24_700, lines)


def _orders(teller: Teller, shop: Shop) -> None:
    """One order comes back whole, one in part, and one customer keeps coming."""
    refunded, partial = new_buyer(teller, "refunded"), new_buyer(teller, "partial")
    bought(teller, shop, refunded, "O-story-refunded", teller.on(62, 18), "shopping")
    shop.order(teller.on(54, 10), refunded, "O-story-refunded", "refunded", 24_700)
    bought(teller, shop, partial, "O-story-partial", teller.on(59, 18), "meta_catalogue")
    shop.order(teller.on(50, 10), partial, "O-story-partial", "refunded", 9_800, (_SENSORS,))
    loyal = new_buyer(teller, "loyal")
    ways = ((300, "shopping"), (220, "direct"), (131, "sms"), (36, "organic"))
    for number, (days_back, key) in enumerate(ways, start=1):
        bought(teller, shop, loyal, f"O-story-loyal-{number}", teller.on(days_back, 18), key)
    shop.review(teller.on(30, 19), loyal, 5, "Fourth order, no surprises.")


def _payment_return(teller: Teller, shop: Shop) -> None:
    """The payment page sends the buyer back: its referrer is not a channel."""
    buyer = new_buyer(teller, "payment")
    visitor = buyer.person.visitor
    start = teller.on(26, 19)
    way = BY_KEY["meta_catalogue"]
    second = teller.traffic.visit(start, visitor, way, "shoppers", ("/cart", "/checkout"))
    url = "https://shop.lumenforge.example/order-confirmed"
    back = second + 240
    teller.traffic.page(back, visitor, url, "https://checkout.stripe.com/", buyer.user_id)
    teller.crm.identify(back + 1, {"anonymous_id": visitor.anonymous_id, **buyer.identifiers})
    shop.order(back + 2, buyer, "O-story-payment", "completed", 14_900, (_LAMP,))
