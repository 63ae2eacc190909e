"""Stories of a month that was reported and moved afterwards, each by another cause."""

from service.demo.campaigns import BY_KEY
from service.demo.days import DAYS
from service.demo.goods import project_lines
from service.demo.scene import at
from service.demo.shop import Shop
from service.demo.stories import Teller
from service.demo.stories_deals import sold
from service.demo.stories_people import bought, new_buyer


def tell(teller: Teller, shop: Shop) -> None:
    """Writes all stories of this file: before and after the first day of a month, `Year.closing`."""
    closing = teller.scene.year.closing
    _discount(teller, closing)
    _returned(teller, shop, closing)
    _login(teller, shop, closing)
    _clicked(teller, shop, closing)


def _discount(teller: Teller, closing: int) -> None:
    """The invoice is lower than the deal was."""
    back = DAYS - closing
    deal = sold(
        teller, "discount", ("Larkfield Printing", "Ines Duarte"),
        ((back + 40, "warehouse"), (back + 31, "brand")), 16_800, (back + 24, back + 12),
    )  # fmt: skip
    lines = project_lines(teller.rng, 1_560_000)
    teller.crm.deal(at(closing + 2, 11), deal, "won", 1_560_000, lines)


def _returned(teller: Teller, shop: Shop, closing: int) -> None:
    """Bought in one month, sent back in the next."""
    buyer = new_buyer(teller, "returned")
    bought(teller, shop, buyer, "O-story-returned", at(closing - 6, 18), "shopping")
    shop.order(at(closing + 3, 10), buyer, "O-story-returned", "refunded", 24_700)


def _login(teller: Teller, shop: Shop, closing: int) -> None:
    """Whose telephone it was that saw the ad shows when the buyer signs in on it."""
    buyer, telephone = new_buyer(teller, "login"), teller.browser("login-telephone")
    seen = at(closing - 9, 20)
    teller.traffic.visit(seen, telephone, BY_KEY["meta_catalogue"], "shoppers")
    bought(teller, shop, buyer, "O-story-login", at(closing - 4, 19), "direct")
    signed_in = teller.traffic.visit(at(closing + 1, 20), telephone, BY_KEY["direct"], "shoppers")
    known = {"anonymous_id": telephone.anonymous_id, **buyer.identifiers}
    teller.crm.identify(signed_in + 5, known)


def _clicked(teller: Teller, shop: Shop, closing: int) -> None:
    """On the last evening a mail is clicked whose link has lost its tags; the mail tool tells of the
    click in the morning."""
    buyer = new_buyer(teller, "clicked")
    evening = at(closing - 1, 21)
    touch = BY_KEY["newsletter"].touch("email_click", "issue")
    teller.book.add("email", evening, "touch", {"email": buyer.person.email}, touch=touch)
    bought(teller, shop, buyer, "O-story-clicked", evening + 3, "direct")
