"""Two plain pages: the list of mails, and one mail."""

from functools import partial
from html import escape

from starlette.requests import Request
from starlette.responses import Response

from stack.backends.inbox.api import find_mail
from stack.backends.inbox.body import read_body
from stack.backends.inbox.mail import Address, Mail
from stack.backends.inbox.mailbox import Mailbox
from stack.backends.inbox.mime import parse_mime
from stack.backends.inbox.search import search
from stack.backends.inbox.turns import in_turn
from stack.backends.web.page import page

_SHOWN = 200


class Pages:
    """The handlers of the pages."""

    def __init__(self, mailbox: Mailbox) -> None:
        """Take the mailbox that is shown."""
        self._mailbox = mailbox

    async def inbox(self, request: Request) -> Response:
        """``GET /`` and ``GET /search?q=``: the latest mails, or those that match."""
        query = request.query_params.get("q", "")
        found = search(self._mailbox, query)
        form = (
            f'<form action="/search"><input name="q" size="50" value="{escape(query)}" '
            'placeholder="words, to:, from:, subject:, message-id:" aria-label="search"> '
            f'<button>Find</button> <span class="dim">{len(found)} mails</span></form>'
        )
        table = "".join(self._row(mail) for mail in found[:_SHOWN])
        return page("Inbox", f"{form}<table>{table}</table>" if found else f"{form}<p>No mails.</p>")

    async def mail(self, request: Request) -> Response:
        """``GET /view/{id}``: one mail, which counts as read from then on."""
        mail = find_mail(self._mailbox, request)
        self._mailbox.mark_read(mail)
        content = await in_turn(len(mail.source), partial(_mail_html, mail))
        return page(mail.subject or "(no subject)", content)

    def _row(self, mail: Mail) -> str:
        subject = escape(mail.subject) or "(no subject)"
        weight = "normal" if self._mailbox.is_read(mail) else "600"
        return (
            f'<tr><td class="dim n">{mail.received:%Y-%m-%d %H:%M:%S}</td><td>{_people(mail.to)}</td>'
            f'<td><a href="/view/{mail.id}" style="font-weight:{weight}">{subject}</a> '
            f'<span class="dim">{escape(mail.snippet[:120])}</span></td></tr>'
        )


def _mail_html(mail: Mail) -> str:
    body = read_body(parse_mime(mail.source))
    lines = {
        "From": _people((mail.sender,)),
        "To": _people(mail.to),
        "Cc": _people(mail.cc),
        "Bcc": _people(mail.bcc),
        "Message-ID": escape(mail.message_id),
        "Received": f"{mail.received:%Y-%m-%d %H:%M:%S} UTC",
        "Attachments": escape(", ".join(item.file_name or item.content_type for item in body.attachments)),
    }
    head = "".join(_line(name, value) for name, value in lines.items() if value)
    source = f"<details><summary>HTML source</summary><pre>{escape(body.html)}</pre></details>"
    api = f"/api/v1/message/{mail.id}"
    return (
        f'<p><a href="/">Inbox</a> &ensp; <a href="{api}/headers">Headers</a> &ensp; '
        f'<a href="{api}/raw">Source</a></p><table>{head}</table><pre>{escape(body.text)}</pre>'
        f"{source if body.html else ''}"
    )


def _line(name: str, value: str) -> str:
    return f'<tr><td class="dim">{name}</td><td>{value}</td></tr>'


def _people(addresses: tuple[Address, ...]) -> str:
    texts = (f"{item.name} <{item.address}>" if item.name else item.address for item in addresses)
    return escape(", ".join(texts))
