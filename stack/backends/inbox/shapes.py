"""Mails in the shapes of Mailpit's API (https://mailpit.axllent.org/docs/api-v1/)."""

from collections import defaultdict
from datetime import UTC, datetime

from stack.backends.inbox.body import Attachment, read_body
from stack.backends.inbox.headers import date, raw_headers
from stack.backends.inbox.mail import Address, Mail
from stack.backends.inbox.mime import parse_mime

_Json = dict[str, object]


def summary_json(mail: Mail, *, read: bool) -> _Json:
    """Return a mail as an entry of a list."""
    return {
        "ID": mail.id,
        "MessageID": mail.message_id,
        "Read": read,
        **_people(mail),
        "Subject": mail.subject,
        "Created": _rfc3339(mail.received),
        "Username": "",
        "Tags": [],
        "Size": len(mail.source),
        "Attachments": mail.attachments,
        "Snippet": mail.snippet,
    }


def message_json(mail: Mail) -> _Json:
    """Return a whole mail; its date is that of its header, or else when it came."""
    message = parse_mime(mail.source)
    body = read_body(message)
    return {
        "ID": mail.id,
        "MessageID": mail.message_id,
        **_people(mail),
        "ReturnPath": mail.return_path,
        "Subject": mail.subject,
        "ListUnsubscribe": {"Header": "", "Links": [], "Errors": "", "HeaderPost": ""},
        "Date": _rfc3339(date(message) or mail.received),
        "Tags": [],
        "Username": "",
        "Text": body.text,
        "HTML": body.html,
        "Size": len(mail.source),
        "Inline": [_attachment_json(item) for item in body.attachments if item.inline],
        "Attachments": [_attachment_json(item) for item in body.attachments if not item.inline],
    }


def headers_json(mail: Mail) -> dict[str, list[str]]:
    """Return all headers by name, in Go's spelling of names (``Message-Id``), sorted, not decoded."""
    headers: dict[str, list[str]] = defaultdict(list)
    for name, value in raw_headers(parse_mime(mail.source)):
        headers["-".join(word.capitalize() for word in name.split("-"))].append(value)
    return dict(sorted(headers.items()))


def _people(mail: Mail) -> _Json:
    return {
        "From": _address_json(mail.sender),
        "To": [_address_json(address) for address in mail.to],
        "Cc": [_address_json(address) for address in mail.cc],
        "Bcc": [_address_json(address) for address in mail.bcc],
        "ReplyTo": [_address_json(address) for address in mail.reply_to],
    }


def _address_json(address: Address) -> _Json:
    return {"Name": address.name, "Address": address.address}


def _attachment_json(attachment: Attachment) -> _Json:
    return {
        "PartID": attachment.part_id,
        "FileName": attachment.file_name,
        "ContentType": attachment.content_type,
        "ContentID": attachment.content_id,
        "Size": attachment.size,
    }


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
