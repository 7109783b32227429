"""`python -m stack.backends.inbox`: SMTP on one port, Mailpit's API and pages on another."""

from argparse import ArgumentParser

import uvicorn

from stack.backends.inbox.app import inbox_app
from stack.backends.inbox.mailbox import Mailbox
from stack.backends.web import HOST

if __name__ == "__main__":
    parser = ArgumentParser("python -m stack.backends.inbox", description="An inbox for development.")
    parser.add_argument("--smtp-port", type=int, default=1025, help="where email is sent")
    parser.add_argument("--inbox-port", type=int, default=8025, help="Mailpit's API, and pages")
    ports = parser.parse_args()
    app = inbox_app(Mailbox(), ports.smtp_port)
    uvicorn.run(app, host=HOST, port=ports.inbox_port, access_log=False, timeout_graceful_shutdown=3)
