"""What Google's consent mode says in a hit: `gcs` and `gcd`.

Source: Google's documentation of consent mode v2, and its published decoders.
"""

import re
from typing import Final, Literal

Consent = Literal["granted", "denied"]
_LETTERS: Final[dict[str, Consent]] = {
    **dict.fromkeys("trnv", "granted"),
    **dict.fromkeys("pqmu", "denied"),
}
_SIGNALS: Final = ("ad_storage", "analytics_storage", "ad_user_data", "ad_personalization")
_GCS: Final = re.compile(r"G1([01-])([01-])")
_FLAGS: Final[dict[str, Consent]] = {"1": "granted", "0": "denied"}


def read_gcs(text: str) -> dict[str, Consent]:
    """`G1xy`: x of `ad_storage`, y of `analytics_storage`; what is not said is left out."""
    match = _GCS.fullmatch(text)
    if match is None:
        return {}
    pairs = zip(_SIGNALS, match.groups(), strict=False)
    return {signal: _FLAGS[flag] for signal, flag in pairs if flag in _FLAGS}


def read_gcd(text: str) -> dict[str, Consent]:
    """One letter a signal between digits, as in `11p1t1p1t5`; `l` is not set and left out."""
    letters = re.findall(r"[a-z]", text[:40])
    if len(letters) < len(_SIGNALS):
        return {}
    pairs = zip(_SIGNALS, letters, strict=False)
    return {signal: _LETTERS[letter] for signal, letter in pairs if letter in _LETTERS}


def analytics_consent(gcs: str, gcd: str) -> Consent | None:
    """Whether the visitor agreed to be recognised; the newer `gcd` goes before `gcs`."""
    name = "analytics_storage"
    return read_gcd(gcd).get(name) or read_gcs(gcs).get(name)
