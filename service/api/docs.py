"""`/docs`: Swagger UI from our own files; no other host is asked for anything."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

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
