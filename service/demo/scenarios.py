"""The catalogue of the demo world: each scenario is a story and the rule that it proves.

The catalogue holds words only; the facts are written by `leads`, `shop`, `mail` and the stories.
`tests/unit/demo/test_world.py` has a check on the facts for each of them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """`objects` are ids to look up in the demo (deals, orders, leads, browsers, campaigns)."""

    name: str
    title: str
    story: str
    proves: str
    objects: tuple[str, ...] = ()


_CHANNELS = (
    Scenario(
        "channels_from_rules", "Channels come from addresses",
        "Page views carry only tags, click ids and referrers, as browsers send them.",
        "Channels are made by the versioned rules, not by the sender.",
    ),
    Scenario(
        "spend_without_sales", "The channel that never sells",
        "Native ads bring readers and a few bad leads all year, and not one sale.",
        "A channel with spend and no revenue stays in the table, with ROI -100 %.",
        ("Native | Awareness | Lighting guide",),
    ),
    Scenario(
        "channel_stops", "Affiliates stop in spring",
        "The affiliate programme ends on a day in spring, and so do its visits and its spend.",
        "A channel that used to sell and stopped is told apart from a source without data.",
        ("AFF | Deal sites", "AFF | Review blogs"),
    ),
    Scenario(
        "assistants_grow", "AI assistants arrive",
        "Visits from chat assistants are rare at first and common at the end of the year.",
        "Referrers of assistants are a channel of their own, and trends show its growth.",
    ),
    Scenario(
        "cheap_leads_bad_leads", "Cheap leads, bad leads",
        "A lookalike campaign has the lowest price per lead of all prospecting, and sales rejects "
        "nearly all of them.",
        "Cost per accepted lead ranks channels otherwise than cost per lead.",
        ("META | Prospecting | Lookalike 1%",),
    ),
    Scenario(
        "auto_tagging", "Only the click id survives",
        "Some paid clicks arrive with a gclid and without any tags.",
        "A click id alone makes a visit paid search.",
    ),
    Scenario(
        "organic_fbclid", "A share is not an ad",
        "Links shared on Facebook carry a click id though nobody paid for them.",
        "An fbclid alone does not make a visit paid.",
    ),
    Scenario(
        "untagged_newsletter", "An issue without tags",
        "One newsletter goes out with links that lost their tags, and its readers look direct.",
        "The mailing tool's clicks show what the website took for direct visits.",
    ),
    Scenario(
        "payment_return", "Back from the payment page",
        "A buyer pays on another site and returns to the confirmation page.",
        "A payment return starts no visit and takes no credit.",
        ("O-story-payment",),
    ),
    Scenario(
        "bots", "Crawlers on the site",
        "Crawlers read the guide all year, some with the tags of the native ads.",
        "Bots are flagged by the visitor's user agent, counted, and earn nothing.",
    ),
    Scenario(
        "seasons", "Weeks, growth and holidays",
        "Offices rest at weekends and at the end of December, the shop peaks in late November.",
        "Comparisons match days of the week, and a dip in the calendar is not an alarm.",
    ),
)  # fmt: skip

_PEOPLE = (
    Scenario(
        "late_identify", "Seven weeks a stranger",
        "Tomas visits four times in seven weeks before a form tells who he is, and then buys.",
        "A late link gives the earlier visits to the person, and the first of them earns credit.",
        ("D-story-late", "a-story-late"),
    ),
    Scenario(
        "two_devices", "A telephone and a desk",
        "Julia looks on her telephone, asks at her desk, and follows a mail on the telephone.",
        "Two browsers become one person as soon as one address links them.",
        ("L-story-devices", "a-story-devices", "a-story-devices-mobile"),
    ),
    Scenario(
        "shared_kiosk", "The tablet in the showroom",
        "Twenty-six guests sign in on one tablet.",
        "An identifier shared by too many people is set aside and joins nobody.",
        ("a-story-kiosk",),
    ),
    Scenario(
        "placeholder_identifiers", "undefined is nobody",
        "For three days the tag sent `undefined` as a user's id.",
        "Placeholder values never link people.",
        ("undefined", "null"),
    ),
    Scenario(
        "placeholder_emails", "Eight leads at info@",
        "Sales types the company's own collective address for walk-ins who left none.",
        "A collective address joins nobody: eight leads stay eight people.",
        ("info@lumenforge.example",),
    ),
    Scenario(
        "consent_withdrawn", "Consent, and its end",
        "Visitors choose in the banner, and one of them takes the consent back.",
        "Consent is a fact with a time, and touchpoints without it are left out and counted.",
        ("a-story-consent",),
    ),
    Scenario(
        "buying_committee", "Five people, one deal",
        "Five people of Calderwick Foods look around by five ways, and the CRM links two of them.",
        "Scope account gives a longer journey and other credit than scope person.",
        ("D-story-committee", "acc-story-committee"),
    ),
)  # fmt: skip

_SALES = (
    Scenario(
        "brand_catches_demand", "Brand catches what others sowed",
        "Anna comes by a non-brand ad, reads on, and asks for a demo after searching the name.",
        "First touch and last touch disagree on who earned the deal.",
        ("D-story-brand",),
    ),
    Scenario(
        "sales_away", "Two weeks at the fair",
        "While sales stood at a trade fair, leads of all channels were called too late.",
        "Rejections have causes: here handling, in every channel at once, not the channels.",
    ),
    Scenario(
        "verdicts", "Sales answers",
        "Most leads handed over get a verdict with a reason, some never get an answer.",
        "Verdict coverage and lead quality are measured per channel.",
    ),
    Scenario(
        "calls_and_meetings", "A call and a meeting",
        "Peter rings the number in the ad and meets sales before the deal is opened.",
        "Calls keep the channel of the number; meetings are touchpoints of their own.",
        ("D-story-called",),
    ),
    Scenario(
        "email_nurture", "Mails after the form",
        "Leads open the mails that follow the form, and some click back to the site.",
        "Opens and clicks are touchpoints of the person behind the address.",
    ),
    Scenario(
        "partner_introductions", "Installers bring clients",
        "Six clients are introduced by installers, five buy, and nobody was paid.",
        "An explicit channel is kept as given, and without spend its ROI is null.",
        tuple(f"D-story-partner-{number}" for number in range(1, 7)),
    ),
    Scenario(
        "no_touchpoint", "The deal nobody measured",
        "A regular customer rings the account manager and buys.",
        "Deals without a touchpoint are their own row, with the reason.",
        ("D-story-typed-in",),
    ),
    Scenario(
        "deal_reopened", "Lost on price, won later",
        "Penrose Metals says no, comes back after a month, and buys for less.",
        "A reopened deal counts once, as it stands now.",
        ("D-story-reopened",),
    ),
    Scenario(
        "amount_changed", "More after the win",
        "Two weeks after the win the order of Thornbury Clinics grows from 12,000 to 14,500.",
        "A changed amount moves the credit, and the difference is explained.",
        ("D-story-upsell",),
    ),
    Scenario(
        "deal_rewon", "Won, cancelled, won again",
        "Ashgrove Retail cancels the contract and signs a smaller one a month later.",
        "A re-won deal is worth its last amount, not the sum.",
        ("D-story-rewon",),
    ),
    Scenario(
        "no_exchange_rate", "A win in tenge",
        "Steppe Cold Chain pays in a currency without a known rate.",
        "An amount that cannot be converted is a row of its own, never counted at 1.0.",
        ("D-story-tenge",),
    ),
    Scenario(
        "unknown_cost", "What the work cost is not known yet",
        "Subcontracted work of some projects is invoiced months later.",
        "Margin is null where cost is unknown, and its coverage is shown.",
    ),
    Scenario(
        "open_pipeline", "Still open",
        "Deals opened in the last weeks have no end yet.",
        "Young cohorts are flagged as too early to judge.",
    ),
)  # fmt: skip

_SHOP_AND_SPEND = (
    Scenario(
        "order_refunded", "Sent back",
        "A buyer returns a whole order of 247.00.",
        "A refund takes back the credit of its order.",
        ("O-story-refunded",),
    ),
    Scenario(
        "order_partly_refunded", "Half kept",
        "A buyer keeps the lamp and returns the sensors, 98.00 of 247.00.",
        "A partial refund takes back its part and no more.",
        ("O-story-partial",),
    ),
    Scenario(
        "repeat_orders", "The loyal customer",
        "One customer orders four times, each time by another way.",
        "Each order is a conversion with its own journey; new and repeat are told apart.",
        tuple(f"O-story-loyal-{number}" for number in range(1, 5)),
    ),
    Scenario(
        "reviews", "Stars",
        "Some buyers leave a review, most of them a good one.",
        "Reviews are facts of a person, counted per period.",
    ),
    Scenario(
        "two_currencies", "Euros and dollars",
        "Three ad accounts bill in dollars, the others in euros.",
        "Each day's spend is converted at the rate of its own day.",
    ),
    Scenario(
        "spend_restated", "The platform changes its mind",
        "Platforms credit invalid clicks days later, and one invoice raises a whole week by 6 %.",
        "The last statement of a line counts, and the difference to earlier answers is explained.",
        ("LI | Lead gen | Facility managers",),
    ),
    Scenario(
        "month_restated", "The month that moved",
        "After the month has been reported a discount, a return, a login and a late click come in.",
        "A report is shown as it was then, and what moved it since is told cause by cause.",
        ("D-story-discount", "O-story-returned", "O-story-login", "O-story-clicked"),
    ),
)  # fmt: skip

SCENARIOS = _CHANNELS + _PEOPLE + _SALES + _SHOP_AND_SPEND
