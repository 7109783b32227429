"""The inbox's command line."""

from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass

from stack.backends.inbox.mailbox import Limits
from stack.backends.inbox.smtp import SmtpLimits
from stack.backends.web.arguments import port, positive


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to listen, what to take, and how much to keep."""

    host: str
    smtp_port: int
    http_port: int
    limits: Limits
    smtp_limits: SmtpLimits


def parse_settings(arguments: Sequence[str] | None = None) -> Settings:
    """Parse command-line arguments; a wrong one ends the process with a message and status 2."""
    parser = ArgumentParser(
        "python -m stack.backends.inbox",
        description="A development inbox.",
        formatter_class=ArgumentDefaultsHelpFormatter,
    )
    kept, taken = Limits(), SmtpLimits()
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address of both ports")
    add("--smtp-port", type=port, default=1025, help="takes mail; 0 takes a free one")
    add("--http-port", type=port, default=8025, help="API and pages; 0 takes a free one")
    add("--max-messages", type=positive, default=kept.max_messages, help="mails kept")
    add("--max-bytes", type=positive, default=kept.max_bytes, help="memory for mails, about")
    add("--max-message-bytes", type=positive, default=taken.max_message_bytes, help="largest mail taken")
    given = parser.parse_args(arguments)
    return Settings(
        given.host,
        given.smtp_port,
        given.http_port,
        Limits(given.max_messages, given.max_bytes),
        SmtpLimits(given.max_message_bytes),
    )
