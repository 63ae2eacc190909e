"""The CRM's and the form's facts: identify, group, lead, verdict, deal.

One place writes them, so that the bulk of the year and the hand-made stories speak the same
format.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.demo.campaigns import Campaign
from service.demo.goods import Line
from service.demo.people import Company
from service.demo.scene import Book, Known, money


@dataclass
class Lead:
    """A lead of the CRM: who, from where, and when the form arrived (seconds of the year)."""

    id: str
    person: Known
    company: Company
    campaign: Campaign
    at: int


@dataclass(frozen=True)
class Deal:
    """What stays the same on a deal while its stage changes."""

    id: str
    company: Company
    contacts: tuple[dict[str, str], ...] = ()
    lead_id: str = ""
    currency: str = "EUR"


class Crm:
    """Writes facts of the senders `website` (identify) and `crm` (all others)."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def identify(self, second: int, identifiers: dict[str, str]) -> None:
        self._book.add("website", second, "identify", identifiers)

    def group(self, second: int, person: Known, company: Company) -> None:
        """A person belongs to an account; the account's attributes come along."""
        account = {**company.account, "name": company.name}
        self._book.add(
            "crm", second, "group", person.identifiers, account=account, segment=company.segment
        )

    def lead(self, second: int, lead: Lead, stage: str, reason: str = "", form: str = "") -> None:
        """A stage of a lead; `form` becomes its name."""
        body = {"id": lead.id, "stage": stage}
        if reason:
            body["reason"] = reason
        if form:
            body["name"] = form
        self._book.add(
            "crm",
            second,
            "lead",
            lead.person.identifiers,
            account=lead.company.account,
            lead=body,
        )

    def verdict(self, second: int, lead: Lead, outcome: str, reason: str = "") -> None:
        """Sales' answer, `accepted` or `rejected`."""
        body = {"lead_id": lead.id, "outcome": outcome}
        if reason:
            body["reason"] = reason
        self._book.add("crm", second, "verdict", lead.person.identifiers, verdict=body)

    def deal(
        self,
        second: int,
        deal: Deal,
        stage: str,
        cents: int,
        lines: Sequence[Line] = (),
        reason: str = "",
    ) -> bool:
        """A stage of a deal at its amount of that moment; False when it is still to come.

        The first contact's identifiers name the fact's person.
        """
        body: dict[str, Any] = {"id": deal.id, "name": deal.company.name, "stage": stage}
        body |= {"amount": money(cents), "currency": deal.currency}
        if deal.lead_id:
            body["lead_id"] = deal.lead_id
        if reason:
            body["reason"] = reason
        if lines:
            body["items"] = [line.item for line in lines]
        if deal.contacts:
            body["contacts"] = list(deal.contacts)
        person = deal.contacts[0] if deal.contacts else {}
        return self._book.add(
            "crm", second, "deal", person, account=deal.company.account, deal=body
        )
