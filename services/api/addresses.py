"""Email addresses: each that a mail server could deliver to, as SMTP carries it.

Quoted local parts, address literals and internationalised addresses (RFC 6531) are taken. A domain becomes
ASCII (A-labels, RFC 5890), which every mail server understands; a local part that is not ASCII needs one with
SMTPUTF8. What is refused: names that no mail server finds (`localhost`, `.test`, …), and encoded words.
"""

import re
from functools import lru_cache, partial
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

MAX_BYTES = 254
"""https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1, and its erratum 1690."""
TOO_LONG = f"An email address has at most {MAX_BYTES} bytes, its domain in ASCII."
# Lower case, as some names of mailboxes are made that (RFC 2142).
_USUAL = re.compile(r"[a-z0-9]+([._+-][a-z0-9]+)*")
_NAMED = re.compile(r"[^<>\r\n]*<([^<>]+)> *")
_HOST = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?")
_IDNA_PREFIX = re.compile(r"(?<![^.])..--")
_ENCODED_WORD = re.compile(r"=\?.*\?=")
"""Mail software would decode it, to another address (https://www.rfc-editor.org/rfc/rfc2047#section-2)."""
_checked = partial(
    validate_email, check_deliverability=False, allow_quoted_local=True, allow_domain_literal=True
)


def email_address(text: str) -> str:
    """Return an address in its normal form, without a name in front of it (`Ada <ada@example.com>`).

    Raises:
        pydantic_core.PydanticCustomError: It is none; says why.
    """
    named = _NAMED.fullmatch(text)
    local, at, domain = (named[1] if named else text).strip(" ").rpartition("@")
    if not at:
        raise _refusal("An email address must have an @-sign.")
    if max(len(local), len(domain)) > MAX_BYTES:  # to look closer would hold the event loop up
        raise _refusal(TOO_LONG)
    try:
        if not _USUAL.fullmatch(local):
            local = _checked(f"{local}@a.aa").local_part
        address = f"{local}@{_domain(domain)}"
    except EmailNotValidError as error:
        raise _refusal(str(error)) from None
    if len(address.encode()) > MAX_BYTES:
        raise _refusal(TOO_LONG)
    if _ENCODED_WORD.search(address):
        raise _refusal("Mail software would read what is between =? and ?= as another address.")
    return address


@lru_cache(maxsize=4096)  # this is what takes most of the time, and customers share their domains
def _domain(text: str) -> str:
    host = text.lower()
    if _HOST.fullmatch(host):
        # DNS has no rules of its own for labels like `xn--…`: mail servers look up whatever stands there.
        _checked(f"a@{_IDNA_PREFIX.sub('xxxx', host)}")
        return host
    return _checked(f"a@{text}").ascii_domain


def _refusal(reason: str) -> PydanticCustomError:
    text = "value is not a valid email address: {reason}"
    return PydanticCustomError("value_error", text, {"reason": reason})


EmailAddress = Annotated[
    str,
    AfterValidator(email_address),
    Field(
        description="Internationalised ones are taken, too; answers have the domain in ASCII.",
        json_schema_extra={"format": "idn-email", "maxLength": MAX_BYTES},
    ),
]
