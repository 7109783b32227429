"""Email addresses: which are taken, in which form; which are refused, and why; and that mail reaches them."""

import asyncio
from contextlib import suppress
from email import message_from_string, policy
from email.message import EmailMessage
from functools import partial
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.api.addresses import EmailAddress
from services.notifier.handlers import RecipientRefusedError
from services.notifier.mail import MailServer
from services.notifier.messages import mailbox
from services.notifier.settings import Settings
from tests.unit.test_notifier_notify import event

ADAPTER: TypeAdapter[str] = TypeAdapter(EmailAddress)
TAKEN = {
    "ada@example.com": "ada@example.com",
    "Ada.L+news@Mail.Example.COM": "Ada.L+news@mail.example.com",
    "POSTMASTER@example.com": "postmaster@example.com",
    "!#$%&'*+-/=?^_`{|}~@example.com": "!#$%&'*+-/=?^_`{|}~@example.com",
    "ada@xn--bcher-kva.example": "ada@xn--bcher-kva.example",
    "ada@B\xfccher.example": "ada@xn--bcher-kva.example",
    "ada@fa\xdf.de": "ada@xn--fa-hia.de",
    "ada@\u4f8b\u3048\u3002jp": "ada@xn--r8jz45g.jp",
    "ada@xn--53h.ws": "ada@xn--53h.ws",
    "ada@r3---sn.example.com": "ada@r3---sn.example.com",
    "J\xfcrgen@b\xfccher.example": "J\xfcrgen@xn--bcher-kva.example",
    "\u7528\u6237@example.com": "\u7528\u6237@example.com",
    '"ada"@example.com': "ada@example.com",
    '"a b"@example.com': '"a b"@example.com',
    r'"a\"b, <c@d>;"@example.com': r'"a\"b, <c@d>;"@example.com',
    "ada@[192.0.2.1]": "ada@[192.0.2.1]",
    "ada@[IPv6:2001:DB8::1]": "ada@[IPv6:2001:db8::1]",
    "A" * 249 + "@a.aa": "A" * 249 + "@a.aa",
    " ada@example.com ": "ada@example.com",
    "Ada <ada@example.com>": "ada@example.com",
}
REFUSED = {
    "ada": "must have an @-sign",
    "@example.com": "something before the @-sign",
    "ada@": "something after the @-sign",
    "ada@@example.com": "before the @-sign|after the @-sign",
    "a b@example.com": "before the @-sign: SPACE",
    "ada@example.com\n": "after the @-sign contains invalid characters: U\\+000A",
    "ada@example.com>": "after the @-sign contains invalid characters: '>'",
    "ada@example.com, eve@example.com": "after the @-sign contains invalid characters: ','",
    "ada@localhost": "should have a period",
    "ada@shop.test": "special-use",
    "a" * 243 + "@example.com": "at most 254 bytes",
    "a" * 190 + "@" + "\xfc" * 50 + ".example": "at most 254 bytes",
    # To look for what else is wrong with a very long one would hold the event loop up for 60 ms.
    "\u0301\u0327" * 15_000 + "@example.com": "at most 254 bytes",
    "=?utf-8?q?eve?=@example.com": "another address",
}
ADDRESSES = sorted(set(TAKEN.values()))
LOCAL_PARTS = st.text('abZ09._+-@ <>"\\=?\n\x85\xe4', max_size=12) | st.text(max_size=9).map('"{}"'.format)
DOMAINS = st.text("abZ09.-@ <>[]:\n\xe4", max_size=12) | st.sampled_from(["example.com", "Example.de"])


@pytest.mark.parametrize("text", TAKEN)
def test_an_address_is_taken_in_its_normal_form(text: str) -> None:
    """Twice: the second time a domain is known; and the normal form is its own."""
    assert [ADAPTER.validate_python(one) for one in (text, text, TAKEN[text])] == [TAKEN[text]] * 3


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_address_is_refused_with_the_reason(text: str) -> None:
    """In words for who typed it."""
    with pytest.raises(ValidationError, match=f"not a valid email address: .*({REFUSED[text]})"):
        ADAPTER.validate_python(text)


@given(LOCAL_PARTS, DOMAINS)
def test_whatever_is_taken_suits_the_notifier(local: str, domain: str) -> None:
    """Any text is refused, or has a normal form that can be sent to."""
    with suppress(ValidationError):
        taken = ADAPTER.validate_python(f"{local}@{domain}")
        assert mailbox(taken) == ADAPTER.validate_python(taken) == taken


async def test_every_address_that_is_taken_can_be_sent_to() -> None:
    """Over real SMTP: it is the one recipient, in the envelope and in the header."""
    received = await _sent(ADDRESSES, utf8=True)
    assert [envelope.rcpt_tos for envelope in received] == [[address] for address in ADDRESSES]
    for envelope, address in zip(received, ADDRESSES, strict=True):
        message = message_from_string(envelope.content.decode(), policy=policy.SMTPUTF8)
        assert isinstance(message, EmailMessage)
        assert [recipient.addr_spec for recipient in message["To"].addresses] == [address]
        assert envelope.smtp_utf8 is not address.isascii()


async def test_a_mail_server_without_smtputf8_refuses_for_good() -> None:
    """What is not ASCII, before anything is sent; no retry can help."""
    assert await _sent(["ada@xn--bcher-kva.example"], utf8=False)
    with pytest.raises(RecipientRefusedError, match="SMTPUTF8"):
        await _sent(["zo\xeb@example.com"], utf8=False)


async def _sent(addresses: list[str], *, utf8: bool) -> list[Any]:
    """Send an email to each address; return the envelopes that arrived."""
    received: list[Any] = []

    class Keep:
        async def handle_DATA(self, _: object, __: object, envelope: Any) -> str:  # noqa: N802, ANN401 - aiosmtpd's
            received.append(envelope)
            return "250 OK"

    smtp = partial(SMTP, Keep(), hostname="localhost", enable_SMTPUTF8=utf8)
    server = await asyncio.get_running_loop().create_server(smtp, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        settings = Settings(smtp_port=port, mail_from="orders@b\xfccher.example")
        for address in addresses:
            await MailServer(settings).send(event("Zo\xeb \u4f8b", address))
    return received
