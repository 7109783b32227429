"""After the last user: every order that is still open is asked for until it is settled, or counts as lost."""

import time

import gevent
from locust.contrib.fasthttp import FastHttpSession
from locust.event import EventHook

from loadtests import answers
from loadtests.client import UserPool
from loadtests.customer import FOLLOW_SECONDS
from loadtests.identity import Journey, source_address
from loadtests.run import Run
from stack.progress import Progress

POLL_SECONDS = 0.5
OWN_NUMBER = -1
"""An address that no user has."""


def settle_open(run: Run, progress: Progress) -> list[str]:
    """Return the orders that were promised to be settled, and are not within a minute."""
    options = run.options
    pool = UserPool(source_address(options.host, OWN_NUMBER))
    # These requests belong in no statistics: nobody hears of them.
    session = FastHttpSession(options.host, EventHook(), None, client_pool=pool)
    deadline = time.monotonic() + FOLLOW_SECONDS
    while run.ledger.open and time.monotonic() < deadline:
        progress.transient(f"waiting for {len(run.ledger.open)} orders")
        for order_id, journey in list(run.ledger.open.items()):
            _look(session, run, order_id, journey)
        if run.ledger.open:
            gevent.sleep(POLL_SECONDS)
    return list(run.ledger.open)


def _look(session: FastHttpSession, run: Run, order_id: str, journey: Journey) -> None:
    key = {"X-API-Key": run.options.api_key} if run.options.api_key else {}
    answer = session.get(f"/v1/orders/{order_id}/status", headers={**journey.headers, **key})
    if answer.status_code == answers.OK:
        run.ledger.settle(order_id, str(answers.document(answer.content).get("status")))
