"""What happens to a mail that came by SMTP: it is put into the mailbox, and nowhere else."""

from functools import partial

from aiosmtpd.smtp import SMTP, Session
from aiosmtpd.smtp import Envelope as SmtpEnvelope

from stack.backends.inbox.headers import as_utf8
from stack.backends.inbox.mail import Envelope
from stack.backends.inbox.mailbox import Mailbox
from stack.backends.inbox.receive import receive
from stack.backends.inbox.turns import in_turn

_MAX_RECIPIENTS = 100


class Delivery:
    """The hooks that aiosmtpd calls, by the names that it looks for."""

    def __init__(self, mailbox: Mailbox) -> None:
        """Take the mailbox that receives everything."""
        self._mailbox = mailbox

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd's name and arguments
        self, _server: SMTP, _session: Session, envelope: SmtpEnvelope, address: str, _options: list[str]
    ) -> str:
        """Take any recipient, but not any number of them."""
        if len(envelope.rcpt_tos) >= _MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: SmtpEnvelope) -> str:  # noqa: N802
        """Take a mail; it can be read before its sender hears that it was taken."""
        source = envelope.original_content or b""
        addressed = Envelope(
            as_utf8(envelope.mail_from or ""), tuple(as_utf8(address) for address in envelope.rcpt_tos)
        )
        mail = await in_turn(len(source), partial(receive, source, addressed))
        self._mailbox.add(mail)
        return f"250 2.0.0 OK: {mail.id}"
