"""Small forms that our own pages send."""

from urllib.parse import parse_qs

from starlette.requests import Request

from service.kit.errors import BadRequest, Forbidden
from service.web.session import is_same_origin

_LARGEST_FORM = 4096


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a small form that one of our own pages sent.

    Raises:
        Forbidden: another site sent it.
        BadRequest: it is no such form.
    """
    if not is_same_origin(request):
        raise Forbidden("cross_site", "This form was not sent from a page of this dashboard.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM:
            raise BadRequest("form_too_large", "The form is larger than any of this dashboard.")
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=8)
    except ValueError as error:
        raise BadRequest("bad_form", "The form cannot be read.") from error
    return {name: values[-1] for name, values in fields.items()}
