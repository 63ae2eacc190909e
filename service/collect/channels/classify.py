"""From what a touchpoint says about itself to its source, medium and channel.

Precedence, strongest first:
1. a channel given with the touchpoint, kept as given;
2. source or medium given (UTM): they name it, the weaker evidence below only fills what is missing;
3. a click id of an ad network, an affiliate network or a mailer;
4. a click id that is only a hint (`fbclid`, `srsltid`), where there is no referrer or the referrer
   is its own network: `srsltid` with Google makes Google's free listings, with Facebook it is a
   link that somebody copied;
5. the referrer, unless it is ourselves, a till or a sign-in page;
6. campaign fields alone: a tagged link without source, never direct;
7. nothing: a visit or a click is direct. Other kinds are never direct, for nobody typed an address
   to be called: an e-mail opened or clicked is email, an impression display, the rest unassigned.
"""

from dataclasses import dataclass

from service.collect.channels.hosts import (
    is_own_host,
    is_return_host,
    site_of_host,
    site_of_source,
)
from service.collect.channels.rules import (
    ASSISTANT_CAMPAIGN,
    ASSISTANT_MEDIUM,
    DIRECT,
    DIRECT_MEDIUM,
    DIRECT_SOURCE,
    NOT_SET,
    ChannelClass,
    ClickId,
    channel_of,
    channels,
    click_ids,
    known_channel,
)
from service.collect.channels.values import clean_value

# The medium of a kind that names it by itself, where none is given.
_MEDIUM_OF_KIND = {
    "email_open": "email",
    "email_click": "email",
    "impression": "display",
    "call": "call",
    "meeting": "meeting",
    "content": "content",
    "offline": "offline",
}
_KINDS_THAT_MAY_BE_DIRECT = frozenset({"visit", "click"})
_MEDIUM_OF_SITE = {
    "ai": ASSISTANT_MEDIUM,
    "search": "organic",
    "social": "social",
    "webmail": "email",
}
_DELIBERATE = ("paid", "affiliate", "email")
_NOTHING = frozenset({"(not set)", "(none)", "null", "undefined", "nan", "none", "[object object]"})
_NO_SOURCE = _NOTHING | {"(direct)", "$direct", "direct"}


@dataclass(frozen=True, slots=True)
class Dimensions:
    """What is known about a touchpoint, as sent: letter case and spelling untouched.

    `click_ids` holds names only, sorted. Hosts are without port, as `landing.host_of` gives them.
    """

    touch_kind: str
    explicit_channel: str | None = None
    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    campaign_id: str | None = None
    content: str | None = None
    term: str | None = None
    click_ids: tuple[str, ...] = ()
    page_host: str | None = None
    referrer_host: str | None = None


@dataclass(frozen=True, slots=True)
class Classified:
    """The marketing dimensions of a touchpoint as reports show them.

    `channel` is an id of the channel rules, or the explicit channel as given. `is_entry`: the
    touchpoint itself says where the person came from, so a visit begins here; False for direct,
    for self-referrals and for returns from a till.
    """

    channel: str
    channel_class: ChannelClass
    source: str
    medium: str
    campaign: str | None
    campaign_id: str | None
    content: str | None
    term: str | None
    is_entry: bool
    is_direct: bool


@dataclass(frozen=True, slots=True)
class _Origin:
    source: str | None = None
    medium: str | None = None
    campaign: str | None = None

    def __bool__(self) -> bool:
        return bool(self.source or self.medium or self.campaign)


def classify(dimensions: Dimensions, own_hosts: frozenset[str]) -> Classified:
    """Name one touchpoint. `own_hosts` are further sites of the same business, with subdomains.

    A pure function that raises for no text. Call it once for each distinct `Dimensions`.
    """
    explicit = _given(dimensions.explicit_channel)
    details = [
        _given(text) for text in (dimensions.campaign_id, dimensions.content, dimensions.term)
    ]
    origin = _origin(dimensions, own_hosts)
    informed = bool(explicit or origin or any(details))
    if not informed and dimensions.touch_kind in _KINDS_THAT_MAY_BE_DIRECT:
        origin = _Origin(DIRECT_SOURCE, DIRECT_MEDIUM)
    source = origin.source or NOT_SET
    medium = origin.medium or _MEDIUM_OF_KIND.get(dimensions.touch_kind, NOT_SET)
    ruled = channel_of(source, medium, origin.campaign)
    # An explicit channel that the rules do not know has the class its source and medium have.
    channel = (known_channel(explicit) if explicit else None) or channels()[ruled]
    is_direct = channel.id == DIRECT
    if is_direct and not origin:
        source, medium = DIRECT_SOURCE, DIRECT_MEDIUM
    return Classified(
        channel=explicit or ruled,
        channel_class=channel.channel_class,
        source=source,
        medium=medium,
        campaign=origin.campaign,
        campaign_id=details[0],
        content=details[1],
        term=details[2],
        is_entry=informed and not is_direct,
        is_direct=is_direct,
    )


def _given(text: str | None, nothing: frozenset[str] = _NOTHING) -> str | None:
    value = clean_value(text) if text else None
    return None if value is None or value.lower() in nothing else value


def _origin(dimensions: Dimensions, own_hosts: frozenset[str]) -> _Origin:
    given = _Origin(
        _given(dimensions.source, _NO_SOURCE),
        _given(dimensions.medium),
        _given(dimensions.campaign),
    )
    referrer = _referrer(dimensions, own_hosts)
    click = _click_id(dimensions.click_ids, referrer)
    found = _Origin(click.source, click.medium, click.campaign) if click else referrer
    if given.source or given.medium:
        proven = click.medium if click and click.click_class in _DELIBERATE else None
        return _tagged(given, found.source, proven)
    return _Origin(found.source, found.medium, given.campaign or found.campaign)


def _tagged(given: _Origin, source: str | None, proven_medium: str | None) -> _Origin:
    """A tagged link: its own words, then the source found, then the medium a click id proves."""
    medium = given.medium or proven_medium
    if medium is None and given.source:
        site = site_of_source(given.source)
        # Assistants tag the links they show with utm_source and nothing else.
        if site is not None and site.kind == "ai":
            return _Origin(given.source, ASSISTANT_MEDIUM, given.campaign or ASSISTANT_CAMPAIGN)
    return _Origin(given.source or source, medium, given.campaign)


def _click_id(names: tuple[str, ...], referrer: _Origin) -> ClickId | None:
    """The click id that decides: by class, then by the order of the table."""
    carried = {name.lower() for name in names}
    known = [click for name, click in click_ids().items() if name in carried]
    for wanted in _DELIBERATE:
        for click in known:
            if click.click_class == wanted:
                return click
    for click in known:
        if click.click_class == "organic" and referrer.source in (None, click.source):
            return click
    return None


def _referrer(dimensions: Dimensions, own_hosts: frozenset[str]) -> _Origin:
    host = (dimensions.referrer_host or "").strip().rstrip(".").lower()
    if not host or is_return_host(host) or is_own_host(host, dimensions.page_host, own_hosts):
        return _Origin()
    site = site_of_host(host)
    if site is None:
        return _Origin(clean_value(host.removeprefix("www.")), "referral")
    campaign = ASSISTANT_CAMPAIGN if site.kind == "ai" else None
    return _Origin(site.name, _MEDIUM_OF_SITE.get(site.kind, "referral"), campaign)
