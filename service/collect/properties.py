"""What of an event's free properties may rest in the ledger.

Integrators put whatever they have at hand into properties, and the ledger keeps no e-mail address
and no phone number as text (`identifiers.py`). So a property that names a person, by its own name or
by its value, is left out; those who need it send it as an identifier, which is hashed.
"""

import re
from collections.abc import Mapping

Scalar = str | int | float | bool | None

_PERSONAL_NAME = re.compile(
    r"e.?mail|phone|mobile|passw|first.?name|last.?name|full.?name|surname|birth|address",
    re.IGNORECASE,
)
# %40 is how an address appears inside the link of a newsletter.
_EMAIL = re.compile(r"[\w.+-](?:@|%40)[\w-]+\.[\w-]", re.IGNORECASE)
_PHONE = re.compile(r"\s*\+[1-9][0-9 ().-]{6,24}")


def impersonal(properties: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The properties without those that hold personal data."""
    return {
        name: value
        for name, value in properties.items()
        if not _PERSONAL_NAME.search(name) and not (isinstance(value, str) and _names_person(value))
    }


def _names_person(text: str) -> bool:
    return _EMAIL.search(text) is not None or _PHONE.fullmatch(text) is not None
