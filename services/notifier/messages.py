"""What the notifier reads: `order.done.v1` and `order.failed.v1`."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints

ORDER_DONE = "order.done.v1"
ORDER_FAILED = "order.failed.v1"
Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]
# On one line: it becomes part of a header.
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f\u2028\u2029]+$")
]
# One mailbox and no more (https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2), its domain in ASCII.
_ATOM = r"""[^\s"(),.:;<>@\[\]\\\x00-\x1f\x7f-\x9f]+"""
_QUOTED = r"""([^"\\\x00-\x1f\x7f-\x9f\u2028\u2029]|\\[ -~])+"""
_LABEL = "[0-9A-Za-z-]+"
_MAILBOX = re.compile(rf"""("{_QUOTED}"|{_ATOM}(\.{_ATOM})*)@(\[[0-9A-Za-z:.]+\]|{_LABEL}(\.{_LABEL})*)""")
_ENCODED_WORD = re.compile(r"=\?.*\?=")


def mailbox(text: str) -> str:
    """Return an address that can stand in a header and in an envelope.

    Raises:
        ValueError: It cannot; an encoded word in it would be decoded on the way, and reach somebody else.
    """
    if not _MAILBOX.fullmatch(text) or _ENCODED_WORD.search(text):
        raise ValueError("is not the address of one mailbox")
    return text


Address = Annotated[str, StringConstraints(max_length=254), AfterValidator(mailbox)]


class Read(BaseModel):
    """Keeps the fields that the notifier uses; others may come with any version 1 event."""

    model_config = ConfigDict(frozen=True, strict=True)


class Customer(Read):
    """Who gets the email."""

    name: Name
    email: Address


class OutcomeData(Read):
    """What became of which order."""

    order_id: Id
    customer: Customer
    reason: str | None = None


class OrderOutcome(Read):
    """An order was settled."""

    id: Id
    type: Literal["order.done.v1", "order.failed.v1"]
    occurred_at: AwareDatetime
    data: OutcomeData
