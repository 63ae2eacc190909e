"""Made-up people, companies, phone numbers and browsers; every host ends in `.example`."""

import random
from dataclasses import dataclass

from service.demo.scene import Visitor

_FIRST = (
    "anna", "jonas", "maria", "tomas", "elena", "lukas", "sofia", "martin", "clara", "david",
    "nina", "peter", "julia", "marek", "laura", "simon", "ivana", "oscar", "marta", "felix",
    "irena", "hugo", "olga", "emil", "petra", "victor", "hana", "leon", "vera", "adam",
    "lena", "filip", "rosa", "anton", "daria", "erik", "alina", "bruno", "karin", "milan",
)  # fmt: skip
_LAST = (
    "kowalska", "lindholm", "novak", "weber", "moreau", "rossi", "larsen", "dvorak", "keller",
    "santos", "horvat", "virtanen", "meyer", "dubois", "marino", "jansen", "popov", "berg",
    "silva", "wagner", "kovacs", "nielsen", "fischer", "laurent", "conti", "vries", "ivanova",
    "hansen", "costa", "vogel", "balint", "koski", "graf", "petit", "greco", "bakker", "sokol",
    "dahl", "reis", "brandt",
)  # fmt: skip
_FRONT = (
    "amber", "birch", "copper", "delta", "elm", "fjord", "granite", "harbour", "iron", "juniper",
    "kestrel", "linden", "maple", "nordic", "oak", "pine", "quartz", "river", "silver", "timber",
    "upland", "valley", "willow", "beacon", "cedar", "cliff", "meadow", "orchard", "slate", "stone",
    "summit", "hollow", "ember", "frost", "heron", "larch", "mill", "north", "ridge", "tide",
)  # fmt: skip
_BACK = (
    "field", "yard", "works", "gate", "bridge", "port", "line", "point", "court", "wharf", "side",
    "view", "lane", "grove", "mark", "wood", "dale", "haven", "cross", "brook", "path", "fold",
    "well", "stead", "bank",
)  # fmt: skip
_TRADES = ("logistics", "storage", "packaging", "foods", "metals", "retail", "clinics", "schools")
_SIZES = ("1-49", "50-249", "250-999", "1000+")
_COUNTRIES = ("DE", "PL", "NL", "GB", "IE", "SE", "FR", "US")
# Area codes whose last four digits 0000-0999 are reserved for stories and never ring anywhere.
_STORY_PHONES = ("113496", "114496", "115496", "116496", "117496", "118496", "121496", "131496",
                 "141496", "151496", "161496", "191498", "207946")  # fmt: skip
_BROWSERS = (
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/141.0.0.0 Safari/537.36"
    ),
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.5 Safari/605.1.15"
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
    ),
    (
        "Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/141.0.0.0 Mobile Safari/537.36"
    ),
)
BOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; "
        "+https://openai.com/gptbot)"
    ),
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    (
        "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "HeadlessChrome/139.0.0.0 Safari/537.36"
    ),
)


@dataclass(frozen=True)
class Company:
    """An account of the CRM; `segment` holds its attributes."""

    id: str
    name: str
    domain: str
    segment: dict[str, str]

    @property
    def account(self) -> dict[str, str]:
        """The `account` member of a fact."""
        return {"id": self.id, "domain": self.domain}


class Census:
    """Hands out browsers, companies, addresses and phones, none of them twice."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._browsers = 0
        self._companies = 0
        self._buyers = 0
        self._phones = 0
        self._taken: set[str] = set()

    def visitor(self) -> Visitor:
        self._browsers += 1
        return Visitor(f"a-{self._browsers:06d}", self._rng.choice(_BROWSERS))

    def company(self) -> Company:
        """A new company; its domain is its own, as accounts are recognised by it."""
        number = self._companies
        self._companies += 1
        # 1009 is prime to 40 x 25 x 8, so the walk meets every name once before it repeats.
        walk = number * 1_009 % (len(_FRONT) * len(_BACK) * len(_TRADES))
        front, rest = _FRONT[walk % 40], walk // 40
        back, trade = _BACK[rest % 25], _TRADES[rest // 25]
        again = number // (len(_FRONT) * len(_BACK) * len(_TRADES))
        stem = f"{front}{back}-{trade}" + (f"-{again + 1}" if again else "")
        return Company(
            id=f"acc-{number + 1:05d}",
            name=f"{front}{back} {trade}".title(),
            domain=f"{stem}.example",
            segment={
                "industry": trade,
                "company_size": self._rng.choices(_SIZES, (30, 40, 22, 8))[0],
                "country": self._rng.choices(_COUNTRIES, (26, 16, 12, 14, 5, 8, 11, 8))[0],
            },
        )

    def email(self, domain: str) -> str:
        """A new address at a company."""
        base = f"{self._rng.choice(_FIRST)}.{self._rng.choice(_LAST)}"
        address, attempt = f"{base}@{domain}", 1
        while address in self._taken:
            attempt += 1
            address = f"{base}{attempt}@{domain}"
        self._taken.add(address)
        return address

    def buyer_email(self) -> str:
        """A shop buyer's address at a domain of their own: a mail host shared by all buyers
        would make one account of them."""
        self._buyers += 1
        walk = self._buyers * 607 % 1_000
        again = self._buyers // 1_000
        stem = f"{_FRONT[walk % 40]}{_BACK[walk // 40]}" + (f"-{again + 1}" if again else "")
        return self.email(f"{stem}.example")

    def phone(self) -> str | None:
        """A number in E.164 that nobody owns; None when the reserved ranges are used up."""
        number = self._phones
        if number >= 1_000 * len(_STORY_PHONES):
            return None
        self._phones += 1
        area = _STORY_PHONES[number % len(_STORY_PHONES)]
        return f"+44{area}{number // len(_STORY_PHONES):04d}"
