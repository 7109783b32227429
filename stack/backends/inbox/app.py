"""The inbox's application: SMTP in, the part of Mailpit's API that is used here and a page out."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from html import escape
from typing import Any

from aiosmtpd.smtp import SMTP
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stack.backends.inbox.mailbox import Mail, Mailbox
from stack.backends.web import HOST, page

MAX_BYTES = 2 * 2**20


def inbox_app(mailbox: Mailbox, smtp_port: int) -> Starlette:
    """Return the application, which takes email as long as it runs."""

    @asynccontextmanager
    async def receiving(_app: Starlette) -> AsyncIterator[None]:
        smtp = partial(SMTP, mailbox, hostname="localhost", enable_SMTPUTF8=True, data_size_limit=MAX_BYTES)
        server = await asyncio.get_running_loop().create_server(smtp, HOST, smtp_port)
        yield
        server.close()

    paths = {
        "/api/v1/messages": messages,
        "/api/v1/search": messages,
        "/api/v1/message/{id}": message,
        "/api/v1/message/{id}/headers": headers,
        "/": latest_page,
    }
    app = Starlette(routes=[Route(path, handler) for path, handler in paths.items()], lifespan=receiving)
    app.state.mailbox = mailbox
    return app


async def messages(request: Request) -> Response:
    """Return the emails that match `query`, `limit` of them from `start` on, the newest first."""
    mailbox: Mailbox = request.app.state.mailbox
    try:
        start, limit = (int(request.query_params.get(*given)) for given in (("start", "0"), ("limit", "50")))
    except ValueError:
        raise HTTPException(400, "start and limit are numbers") from None
    found = mailbox.search(request.query_params.get("query", ""))
    shown = [_summary(mail) for mail in found[max(start, 0) :][: max(limit, 0)]]
    return JSONResponse({"total": len(mailbox.mails), "messages_count": len(found), "messages": shown})


async def message(request: Request) -> Response:
    """Return an email with its texts."""
    mail = _mail(request)
    return JSONResponse({**_summary(mail), "Text": mail.text, "HTML": mail.html})


async def headers(request: Request) -> Response:
    """Return the headers of an email by their names in Go's spelling, such as `Message-Id`."""
    return JSONResponse({name.title(): [value] for name, value in _mail(request).headers.items()})


async def latest_page(request: Request) -> Response:
    """Show the latest emails."""
    mails: list[Mail] = request.app.state.mailbox.search("")[:100]
    return page("Inbox", [("Received (UTC)", "To", "Subject", "Text"), *map(_row, mails)])


def _row(mail: Mail) -> Iterator[str]:
    to, subject = (mail.headers.get(name, "") for name in ("to", "subject"))
    return map(escape, (f"{mail.received:%Y-%m-%d %H:%M:%S}", to, subject, mail.text or mail.html))


def _mail(request: Request) -> Mail:
    mail: Mail | None = request.app.state.mailbox.mails.get(request.path_params["id"])
    if mail is None:
        raise HTTPException(404, "Message not found")
    return mail


def _summary(mail: Mail) -> dict[str, Any]:
    return {
        "ID": mail.id,
        "MessageID": mail.headers.get("message-id", "").strip("<>"),
        "Subject": mail.headers.get("subject", ""),
        "From": next(iter(mail.people["from"]), None),
        "To": mail.people["to"],
        "Created": mail.received.isoformat(),
    }
