"""The application of the HTTP port: Mailpit's API, and pages for people."""

from starlette.applications import Starlette
from starlette.routing import Route

from stack.backends.inbox.api import Api
from stack.backends.inbox.mailbox import Mailbox
from stack.backends.inbox.pages import Pages
from stack.backends.web.health import health


def http_app(mailbox: Mailbox) -> Starlette:
    """Return the application of the HTTP port."""
    api, pages = Api(mailbox), Pages(mailbox)
    return Starlette(
        routes=[
            Route("/api/v1/messages", api.messages),
            Route("/api/v1/messages", api.delete, methods=["DELETE"]),
            Route("/api/v1/search", api.search),
            Route("/api/v1/message/{id}", api.message),
            Route("/api/v1/message/{id}/headers", api.headers),
            Route("/api/v1/message/{id}/raw", api.raw),
            Route("/", pages.inbox),
            Route("/search", pages.inbox),
            Route("/view/{id}", pages.mail),
            Route("/health", health),
            Route("/livez", health),
            Route("/readyz", health),
        ]
    )
