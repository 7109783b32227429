"""The inbox's HTTP API: Mailpit's paths, parameters and answers."""

from functools import partial

import orjson
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from stack.backends.inbox.mail import Mail
from stack.backends.inbox.mailbox import Mailbox
from stack.backends.inbox.search import search
from stack.backends.inbox.shapes import headers_json, message_json, summary_json
from stack.backends.inbox.turns import in_turn
from stack.backends.web.body import BodyTooLargeError, BodyTooSlowError, read_body

_DEFAULT_LIMIT = 50
_MAX_DIGITS = 9
_MAX_BODY_BYTES = 2**20


class Api:
    """The handlers of the API's routes."""

    def __init__(self, mailbox: Mailbox) -> None:
        """Take the mailbox that is read."""
        self._mailbox = mailbox

    async def messages(self, request: Request) -> Response:
        """``GET /api/v1/messages?start=&limit=``: the mails, newest first."""
        return self._listing(self._mailbox.newest_first(), request.query_params)

    async def search(self, request: Request) -> Response:
        """``GET /api/v1/search?query=&start=&limit=``: the mails that match, newest first."""
        query = request.query_params.get("query", "").strip()
        if not query:
            raise HTTPException(400, "Error: no search query")
        return self._listing(search(self._mailbox, query), request.query_params)

    async def delete(self, request: Request) -> Response:
        """``DELETE /api/v1/messages``: forget the mails named in ``{"IDs": [...]}``, or all."""
        ids = _ids(await _small_body(request))
        if ids:
            self._mailbox.delete(ids)
        else:
            self._mailbox.clear()
        return PlainTextResponse("ok")

    async def message(self, request: Request) -> Response:
        """``GET /api/v1/message/{id}``: a whole mail, which counts as read from then on."""
        mail = find_mail(self._mailbox, request)
        self._mailbox.mark_read(mail)
        return _json(await in_turn(len(mail.source), partial(message_json, mail)))

    async def headers(self, request: Request) -> Response:
        """``GET /api/v1/message/{id}/headers``: all headers of a mail."""
        mail = find_mail(self._mailbox, request)
        return _json(await in_turn(len(mail.source), partial(headers_json, mail)))

    async def raw(self, request: Request) -> Response:
        """``GET /api/v1/message/{id}/raw``: the source of a mail."""
        return Response(find_mail(self._mailbox, request).source, media_type="text/plain; charset=utf-8")

    def _listing(self, found: list[Mail], params: QueryParams) -> Response:
        start, limit = _number(params, "start", 0), _number(params, "limit", _DEFAULT_LIMIT)
        all_mails = self._mailbox.newest_first()
        page = found[start : start + limit]
        return _json(
            {
                "total": len(all_mails),
                "unread": self._unread(all_mails),
                "count": len(page),
                "messages_count": len(found),
                "messages_unread": self._unread(found),
                "start": start,
                "tags": [],
                "messages": [summary_json(mail, read=self._mailbox.is_read(mail)) for mail in page],
            }
        )

    def _unread(self, mails: list[Mail]) -> int:
        return sum(not self._mailbox.is_read(mail) for mail in mails)


def find_mail(mailbox: Mailbox, request: Request) -> Mail:
    """Return the mail whose id stands in the path; ``latest`` stands for the newest.

    Raises:
        HTTPException: there is no such mail (404).
    """
    mail_id = request.path_params["id"]
    mail = next(iter(mailbox.newest_first()), None) if mail_id == "latest" else mailbox.get(mail_id)
    if mail is None:
        raise HTTPException(404, "Message not found")
    return mail


def _number(params: QueryParams, name: str, default: int) -> int:
    """Return a positive number; anything else is the default, as in Mailpit."""
    text = params.get(name, "")
    usable = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return (int(text) if usable else 0) or default


async def _small_body(request: Request) -> bytes:
    try:
        return await read_body(request, _MAX_BODY_BYTES)
    except (BodyTooLargeError, BodyTooSlowError) as error:
        raise HTTPException(413 if isinstance(error, BodyTooLargeError) else 408, str(error)) from None


def _ids(body: bytes) -> list[str]:
    """Return the ids to delete; none stand for all. For malformed JSON Mailpit deletes all, this nothing."""
    try:
        content = orjson.loads(body) if body.strip() else {}
        ids = content.get("IDs") or []
        return [str(mail_id) for mail_id in ids]
    except (ValueError, TypeError, AttributeError):
        raise HTTPException(400, 'Error: expected {"IDs": [...]}') from None


def _json(content: object) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
