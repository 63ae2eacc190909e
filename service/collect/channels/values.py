"""What counts as a value: the same answer for a link parameter, a posted field and a CSV cell.

Ad platforms replace macros such as `{campaignid}` when somebody clicks; a mistyped one arrives as
it stands. Kept, it would be a campaign of its own in every report, so it counts as missing.
"""

import re
from unicodedata import normalize

MAX_VALUE = 500
"""Characters of a campaign field that are kept."""

# Control characters and lone surrogates: no database and no JSON writer takes them all.
_UNSTORABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")

# {x}, {{x.y}}, ${x}, %%X%%, __X__ and {x} that was encoded twice. The quote is excluded because
# {"a": 1} is JSON that somebody meant.
_MACRO = re.compile(
    r"\{\{[^{}\"]*\}\}|\$?\{[^{}\"]*\}|%%[\w.]+%%|__[A-Za-z][A-Za-z0-9_]*?__|%7B[^%]*%7D",
    re.IGNORECASE,
)


def is_macro(text: str) -> bool:
    """Whether the text is nothing but unexpanded macros and punctuation between them."""
    if "{" not in text and "__" not in text and "%" not in text:
        return False
    rest, macros = _MACRO.subn("", text)
    return macros > 0 and not any(character.isalnum() for character in rest)


def clean_value(text: str, limit: int = MAX_VALUE) -> str | None:
    """The text in NFC, trimmed, without control characters, at most `limit` characters long.

    Letter case is kept. None where nothing is left or only unexpanded macros are. Cleaning twice
    is the same as cleaning once.
    """
    # Cutting before the normalisation bounds the work, cutting after it the result.
    text = text.strip()[:limit]
    if not text.isprintable():
        text = _UNSTORABLE.sub(" ", text)
    if not text.isascii():
        text = normalize("NFC", text)[:limit]
    text = text.strip()
    return None if not text or is_macro(text) else text
