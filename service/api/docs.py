"""The API's description, and `/docs`: Swagger UI from our own files, no other host is asked."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from service.api.schemas import COMPONENTS
from service.web.assets import asset

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Throughline API</title>
<link rel="icon" href="{icon}">
<link rel="stylesheet" href="{css}">
</head>
<body>
<main id="swagger-ui" data-openapi="/openapi.json"><noscript>The description of the API is at
<a href="/openapi.json">/openapi.json</a>.</noscript></main>
<script src="{bundle}"></script>
<script src="{start}"></script>
</body>
</html>
"""
# Swagger UI writes style attributes and draws inline images.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable, for programs."},
        "detail": {"type": "string", "description": "What is wrong and what to do."},
        "field": {"type": "string", "description": "The value that is meant."},
    },
}


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 of the application, with the one shape of its errors."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            tags=app.openapi_tags,
            routes=app.routes,
        )
        # FastAPI's own description of a bad parameter; ours is the Problem.
        components = schema.setdefault("components", {}).setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            components.pop(name, None)
        components |= {name: COMPONENTS[name] for name in sorted(COMPONENTS)}
        components["Problem"] = PROBLEM
        for context in iter_route_contexts(app.routes):
            route = context.original_route
            if isinstance(route, APIRoute) and route.include_in_schema:
                for method in route.methods or ():
                    _as_described(schema["paths"][route.path_format][method.lower()], route)
        app.openapi_schema = schema
    return app.openapi_schema


def _as_described(operation: dict[str, Any], route: APIRoute) -> None:
    """Only the responses that we name; and their examples with their nulls, which FastAPI leaves
    out wherever something is None."""
    named = {str(status) for status in route.responses}
    operation["responses"] = {s: r for s, r in operation["responses"].items() if s in named}
    described: list[tuple[Any, Any]] = [
        (operation["responses"][str(status)], response)
        for status, response in route.responses.items()
    ]
    if "requestBody" in operation:
        described.append((operation["requestBody"], (route.openapi_extra or {})["requestBody"]))
    for shown, given in described:
        for media_type, content in given.get("content", {}).items():
            if "example" in content:
                shown["content"][media_type]["example"] = content["example"]


def mount_docs(app: FastAPI) -> None:
    """Add `/docs`."""

    def show_docs(_: Request) -> Response:
        page = PAGE.format(
            icon=asset("icon.svg"),
            css=asset("vendor/swagger-ui-5.35.0.css"),
            bundle=asset("vendor/swagger-ui-bundle-5.35.0.js"),
            start=asset("docs.js"),
        )
        return HTMLResponse(
            page, headers={"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
        )

    app.add_route("/docs", show_docs, include_in_schema=False)
