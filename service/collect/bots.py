"""Whether a visitor's user agent is a known crawler. Bots are flagged and counted, not dropped."""

import re
from functools import lru_cache

import crawleruseragents

# Machines that open a message before its reader does: Apple's Mail Privacy Protection, which fetches
# every picture and says no more than the first, and those that look for malice.
_BEFORE_THE_READER = re.compile(
    r"\s*Mozilla/5\.0\s*|.*(?:proofpoint|barracuda|mimecast|safelinks|ironport|fireeye|symantec|"
    r"messagelabs|forcepoint|trend ?micro|sophos|bitdefender|cloudmark|mailscanner).*",
    re.IGNORECASE | re.DOTALL,
)


@lru_cache(maxsize=16_384)
def _known(user_agent: str) -> bool:
    if _BEFORE_THE_READER.fullmatch(user_agent):
        return True
    return bool(crawleruseragents.is_crawler(user_agent))


def is_bot(user_agent: str | None) -> bool:
    """Judge the *visitor's* agent, never that of a server's HTTP client."""
    return bool(user_agent) and _known(user_agent or "")
