"""Whether a visitor's user agent is a known crawler. Bots are flagged and counted, not dropped."""

from functools import lru_cache

import crawleruseragents


@lru_cache(maxsize=16_384)
def _known(user_agent: str) -> bool:
    return bool(crawleruseragents.is_crawler(user_agent))


def is_bot(user_agent: str | None) -> bool:
    """Judge the *visitor's* agent, never that of a server's HTTP client."""
    return bool(user_agent) and _known(user_agent or "")
