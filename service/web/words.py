"""The words a reader sees for the ids of the service, and the metrics a table can show."""

from dataclasses import dataclass
from zlib import crc32


@dataclass(frozen=True)
class Metric:
    """A column of the ROI report.

    Attributes:
        key: its field in the report.
        label: its heading.
        means: its definition in one sentence (METRICS: Money, Funnel and leads).
        kind: money, count, percent or ratio; how the number is written.
        good: which direction pleases: up, down or neither ("").
        adds: whether rows and unattributed add up to the total.
    """

    key: str
    label: str
    means: str
    kind: str
    good: str = "up"
    adds: bool = False


METRICS = {
    metric.key: metric
    for metric in (
        Metric(
            "spend", "Spend", "Money paid to the channel, latest restatement.", "money", "", True
        ),
        Metric("impressions", "Impressions", "Times an ad was shown.", "count", "", True),
        Metric("clicks", "Clicks", "Clicks the platforms billed or reported.", "count", "", True),
        Metric("visits", "Visits", "Visits to the site from this channel.", "count", "up", True),
        Metric("leads", "Leads", "Leads credited under the chosen model.", "count", "up", True),
        Metric("mqls", "MQLs", "Leads marketing calls qualified, credited.", "count", "up", True),
        Metric("sqls", "SQLs", "Leads sales accepted, credited.", "count", "up", True),
        Metric("opportunities", "Opportunities", "Open deals, credited.", "count", "up", True),
        Metric("won", "Won", "Deals and orders won, credited.", "count", "up", True),
        Metric(
            "revenue",
            "Revenue",
            "Won deals plus orders minus refunds, credited.",
            "money",
            "up",
            True,
        ),
        Metric("margin", "Margin", "Revenue minus the cost of the items sold.", "money"),
        Metric("cpl", "CPL", "Spend divided by leads.", "money", "down"),
        Metric("cpa", "CPA", "Spend divided by conversions of the chosen stage.", "money", "down"),
        Metric("cac", "CAC", "Spend divided by new customers.", "money", "down"),
        Metric("roas", "ROAS", "Revenue divided by spend.", "ratio"),
        Metric(
            "roi",
            "ROI",
            "Revenue minus spend, divided by spend. \N{MINUS SIGN}100 % means nothing came back.",
            "percent",
        ),
        Metric(
            "romi_revenue", "ROMI (revenue)", "Revenue minus spend, divided by spend.", "percent"
        ),
        Metric("romi_margin", "ROMI (margin)", "Margin minus spend, divided by spend.", "percent"),
        Metric(
            "drr",
            "DRR",
            "Spend divided by revenue: the share of revenue that went into ads.",
            "percent",
            "down",
        ),
        Metric(
            "maturity",
            "Maturity",
            "Share of what the spend will bring that has had time to come.",
            "percent",
            "",
        ),
    )
}
DEFAULT_COLUMNS = ("spend", "leads", "cpl", "won", "revenue", "cac", "roas", "roi")
CARDS = ("revenue", "spend", "roi", "won", "leads", "cpl")

# In this order the channels get their marks, so that a channel keeps its colour and shape on every
# page and in every period; the eight that most companies have come first and differ most.
CHANNELS = {
    "paid_search": "Paid search",
    "email": "Email",
    "organic_search": "Organic search",
    "paid_social": "Paid social",
    "direct": "Direct",
    "referral": "Referral",
    "display": "Display",
    "organic_social": "Organic social",
    "paid_shopping": "Paid shopping",
    "paid_video": "Paid video",
    "ai_assistant": "AI assistant",
    "affiliates": "Affiliates",
    "sms": "SMS",
    "cross_network": "Cross-network",
    "paid_other": "Paid other",
    "organic_shopping": "Organic shopping",
    "organic_video": "Organic video",
    "audio": "Audio",
    "mobile_push": "Mobile push",
    "unassigned": "Unassigned",
}
_MARKS = {name: index for index, name in enumerate(CHANNELS)}

STAGES = {
    "visit": "Visit",
    "lead": "Lead",
    "mql": "Marketing qualified lead",
    "sql": "Sales qualified lead",
    "opportunity": "Opportunity",
    "won": "Won",
    "repeat": "Repeat purchase",
}
MODELS = {
    "first_touch": "First touch",
    "last_touch": "Last touch",
    "last_non_direct": "Last non-direct",
    "last_paid": "Last paid",
    "linear": "Linear",
    "position_based": "Position based",
    "j_shaped": "J-shaped",
    "inverse_j": "Inverse J",
    "time_decay": "Time decay",
    "u_shaped": "U-shaped",
    "w_shaped": "W-shaped",
    "full_path": "Full path",
    "custom": "Custom",
    "participation": "Participation",
    "markov": "Markov",
    "shapley": "Shapley",
    "shapley_ordered": "Shapley, ordered",
    "shapley_rate": "Shapley, rates",
    "fractribution": "Fractribution",
    "incremental": "Incremental",
}
BASES = {
    "conversion": "the day it converted",
    "touch": "the day of the touch",
}
SCOPES = {"person": "Person", "account": "Account"}
LOOKBACKS = {
    "7d": "7 days",
    "30d": "30 days",
    "90d": "90 days",
    "180d": "180 days",
    "365d": "1 year",
    "none": "No limit",
}
REASONS = {
    "no_touchpoint_in_lookback": (
        "No touchpoint inside the lookback",
        (
            "The person is known, but every contact with a channel lies further back than the lookback "
            "allows. A longer lookback may find it."
        ),
    ),
    "first_touchpoint_after_conversion": (
        "The first touchpoint came after the conversion",
        (
            "The person was first seen only after the deal was already decided, so no contact can have "
            "led to it."
        ),
    ),
    "no_person": (
        "No person is linked to it",
        (
            "The deal or order carries no contact that we know. Send an identifier with it, such as an "
            "e-mail, a user id or the CRM contact id."
        ),
    ),
    "no_touchpoint": (
        "The person was never seen",
        (
            "A contact is linked, but no visit, click or other touchpoint carries any of its "
            "identifiers."
        ),
    ),
    "no_eligible_channel": (
        "No touchpoint is eligible under this model",
        "There are touchpoints, but the model gives weight to none of them.",
    ),
    "excluded_touchpoints": (
        "Its touchpoints are excluded",
        "There are touchpoints, but the configuration leaves all of them out of journeys.",
    ),
}
CAUSES = {
    "spend_restated": "Spend restated",
    "exchange_rates": "Exchange rates",
    "identity": "Identity",
    "deals_changed": "Deals changed",
    "erasure": "Erasure",
    "late_facts": "Late facts",
    "new_facts": "New facts",
    "configuration": "Configuration",
}
LEFT_OUT = {
    "bot": "they come from robots",
    "spam": "their referrers are known for false visits",
    "excluded_by_configuration": "the configuration leaves them out of journeys",
    "refund_without_order": "they are refunds of orders that never arrived",
}
EARLY = "Too early to judge"
EARLY_MEANS = "Conversions take time. The figures of these rows will grow by themselves."
HAD_TIME = "{share} of this spend has had time to convert."
NOT_FORESEEN = "What it will bring cannot be foreseen yet."
FORESEEN = (
    "The touches of these days earned {came} so far; {expected} are expected in the end "
    "({low} to {high}, with a probability of {level})."
)
KINDS = {
    "visit": "Visit",
    "click": "Ad click",
    "impression": "Ad seen",
    "email_open": "Email opened",
    "email_click": "Email clicked",
    "call": "Call",
    "meeting": "Meeting",
    "content": "Content viewed",
    "offline": "Offline",
}
IDENTIFIERS = {
    "anonymous_id": "Browser id",
    "user_id": "User id",
    "email": "Email",
    "phone": "Phone",
    "crm_contact_id": "CRM contact",
    "crm_company_id": "CRM company",
}


def humane(text: str | None) -> str:
    """`paid_search` as "Paid search", for ids without words of their own."""
    if not text:
        return "(not set)"
    # Only ids are rewritten; a name that somebody typed stays as typed.
    if text.replace("_", "").isalnum() and text.islower():
        words = text.replace("_", " ")
        return words[:1].upper() + words[1:]
    return text


def named(name: str | None) -> str:
    """A value of a dimension as its source wrote it."""
    return name or "(not set)"


def channel(name: str | None) -> str:
    """The name of a channel as people write it."""
    return CHANNELS.get(name or "") or humane(name)


def mark(name: str | None) -> int:
    """Which of the 64 pairs of colour and shape stands for a channel; others go by their name."""
    known = _MARKS.get(name or "")
    return 24 + crc32((name or "").encode()) % 40 if known is None else known


def model(text: str) -> str:
    """`time_decay:half_life=14d` as "Time decay (half_life=14d)", and `@house` as "House (preset)"."""
    if text.startswith("@"):
        return f"{humane(text[1:])} (preset)"
    name, _, parameters = text.partition(":")
    base, _, preset = name.partition("@")
    label = MODELS.get(base) or humane(base)
    if preset:
        label += f" by {preset.title()}"
    return f"{label} ({parameters.replace(':', ', ')})" if parameters else label


def measure(key: str) -> str:
    """The name of a measure, one that is no column of a table included."""
    return METRICS[key].label if key in METRICS else humane(key)


def stage(name: str | None) -> str:
    return STAGES.get(name or "") or humane(name)


def reason(code: str) -> tuple[str, str]:
    """Why a conversion is unattributed: a heading and a sentence saying what to do."""
    return REASONS.get(code, (humane(code), "The service gives this reason for it."))
