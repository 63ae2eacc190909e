"""The native event format: what each type holds. Strict: an unknown field is refused by name."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

# Checked in compiled code, as every text of every event is; both databases refuse NUL.
NO_NUL = r"^[^\x00]*$"


def _no_number(value: Any) -> Any:
    # JSON numbers of other systems' ids are common and harmless; true and 1.5 are mistakes.
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


Text = Annotated[str, Field(max_length=1_000, pattern=NO_NUL)]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_NUL)]
Id = Annotated[Name, BeforeValidator(_no_number)]
Url = Annotated[str, Field(max_length=8_000, pattern=NO_NUL)]
Scalar = Url | int | float | bool | None
Amount = str | int | float
Stage = Literal["opportunity", "won", "lost"]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Account(Part):
    """A company: its id in the CRM, its web domain, or both."""

    id: Id | None = None
    domain: Text | None = None
    name: Text | None = None


class Campaign(Part):
    """Campaign fields as a sender knows them."""

    source: Text | None = None
    medium: Text | None = None
    campaign: Text | None = None
    campaign_id: Id | None = None
    content: Text | None = None
    term: Text | None = None


class Page(Part):
    """A page view. `campaign` counts only where `url` itself carries no campaign field, a click id
    only where it has none of that name."""

    url: Url
    referrer: Url | None = None
    title: Text | None = None
    campaign: Campaign | None = None
    click_ids: dict[Text, Text] | None = Field(None, max_length=20)


class Track(Part):
    """Something a person did that is neither a contact with a channel nor a stage: kept as a fact
    and as evidence of who is who, left out of journeys. `url` and `campaign` as of a page; of the
    properties, those that would hold personal data are not kept."""

    name: Name
    properties: dict[Text, Scalar] | None = Field(None, max_length=100)
    url: Url | None = None
    campaign: Campaign | None = None


class Touch(Campaign):
    """One contact with a channel; `channel` given by a server wins over the channel rules."""

    kind: Literal[
        "visit",
        "click",
        "impression",
        "email_open",
        "email_click",
        "call",
        "meeting",
        "content",
        "offline",
    ] = "click"
    channel: Text | None = None
    url: Url | None = None
    referrer: Url | None = None
    click_ids: dict[Text, Text] | None = Field(None, max_length=20)


class Item(Part):
    """A line of an order or deal; amount and cost are of the whole line."""

    sku: Id
    name: Text | None = None
    quantity: Annotated[int | float, Field(gt=0)] = 1
    amount: Amount | None = None
    cost: Amount | None = None


class Lead(Part):
    """`status` is what the CRM itself calls the stage."""

    id: Id
    stage: Literal["lead", "mql", "sql", "rejected"]
    status: Text | None = None
    reason: Text | None = None
    name: Text | None = None


class Deal(Part):
    """`status` is what the CRM itself calls the stage."""

    id: Id
    stage: Stage | None = None
    status: Text | None = None
    amount: Amount | None = None
    currency: Text | None = None
    reason: Text | None = None
    name: Text | None = None
    lead_id: Id | None = None
    contacts: list[dict[Text, Any]] | None = Field(None, max_length=100)
    items: list[Item] | None = Field(None, max_length=500)


class Order(Part):
    """`updated` says anew what an order is worth that was or will be completed; by itself it sells
    nothing."""

    id: Id
    status: Literal["completed", "refunded", "updated"]
    amount: Amount | None = None
    currency: Text | None = None
    refund_id: Id | None = None
    items: list[Item] | None = Field(None, max_length=500)


class Verdict(Part):
    """Sales' answer on a lead."""

    lead_id: Id
    outcome: Literal["accepted", "rejected"]
    reason: Text | None = None


class Review(Part):
    rating: Annotated[int, Field(ge=1, le=5)]
    text: Url | None = None


class Unlink(Part):
    """Two identifiers, `kind:value` each, that are not one person."""

    left: dict[Text, Any] = Field(min_length=1, max_length=1)
    right: dict[Text, Any] = Field(min_length=1, max_length=1)


class Context(Part):
    """What is known of the visitor's device, and whether he agreed to be recognised; an address is
    read and not kept."""

    consent: Literal["granted", "denied"] | None = None
    user_agent: Annotated[str, Field(max_length=2_000, pattern=NO_NUL)] | None = None
    ip: Text | None = None
    locale: Text | None = None
    timezone: Text | None = None


class Event(Part):
    """One native event; the part named like its type must be there, and no other."""

    id: Id
    type: Literal[
        "touch",
        "page",
        "identify",
        "lead",
        "deal",
        "order",
        "group",
        "verdict",
        "review",
        "consent",
        "unlink",
        "track",
    ]
    occurred_at: Annotated[str, Field(max_length=64)]
    identifiers: dict[Text, Any] | None = Field(None, max_length=20)
    account: Account | None = None
    context: Context | None = None
    segment: dict[Text, Scalar] | None = Field(None, max_length=100)
    touch: Touch | None = None
    page: Page | None = None
    lead: Lead | None = None
    deal: Deal | None = None
    order: Order | None = None
    verdict: Verdict | None = None
    review: Review | None = None
    consent: dict[Text, Scalar] | None = Field(None, max_length=50)
    unlink: Unlink | None = None
    track: Track | None = None


PARTS = frozenset(
    ("touch", "page", "lead", "deal", "order", "verdict", "review", "consent", "unlink", "track")
)
