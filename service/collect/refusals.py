"""What is wrong with an item, as senders are told: from pydantic's errors to our stable codes."""

import re

from pydantic import ValidationError

from service.kit.errors import Refusal

_CODES = {
    "missing": "missing_field",
    "extra_forbidden": "unknown_field",
    "literal_error": "unknown_value",
    "string_too_long": "too_long",
    "string_too_short": "empty",
    "too_long": "too_many",
    "too_short": "empty",
    "string_pattern_mismatch": "nul_character",
    "string_unicode": "invalid_text",
    "greater_than": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "finite_number": "out_of_range",
}


# How pydantic names the members of a union in the path of an error.
_MEMBER = re.compile(r"str|int|float|bool|constrained-.*|function-.*")


def refusal_of(error: ValidationError) -> Refusal:
    """The first of pydantic's errors, with our stable code and the path of the field."""
    first = error.errors(include_url=False, include_context=False, include_input=True)[0]
    where = ".".join(str(step) for step in first["loc"] if not _MEMBER.fullmatch(str(step)))
    code = _CODES.get(first["type"], "wrong_type")
    if code == "too_many" and isinstance(first["input"], str):
        code = "too_long"
    problem = "no text may hold the character NUL" if code == "nul_character" else first["msg"]
    return Refusal(
        code,
        where,
        f"{problem}; got {_shown(first['input']) if code != 'missing_field' else 'nothing'}",
    )


def _shown(value: object) -> str:
    try:
        return repr(value)[:80]
    except RecursionError:
        return f"a {type(value).__name__} nested too deep to be shown"
