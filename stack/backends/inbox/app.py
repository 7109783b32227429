"""The composition root: one mailbox, SMTP in, HTTP out."""

import sys

from stack.backends.inbox.cli import Settings
from stack.backends.inbox.http import http_app
from stack.backends.inbox.mailbox import Mailbox
from stack.backends.inbox.smtp import receiving
from stack.backends.web.serve import listen, serving, stop_signal, url_of


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        OSError: a port cannot be bound.
    """
    stopped = stop_signal()
    smtp_socket = listen(settings.host, settings.smtp_port)
    http_socket = listen(settings.host, settings.http_port)
    mailbox = Mailbox(settings.limits)
    async with (
        receiving(mailbox, smtp_socket, settings.smtp_limits),
        serving(http_app(mailbox), http_socket),
    ):
        smtp_url = url_of(smtp_socket, "smtp")
        sys.stdout.write(f"inbox: mail at {smtp_url}, API and pages at {url_of(http_socket)}\n")
        sys.stdout.flush()
        await stopped.wait()
