"""What all simulated users can do: send a request, place an order, follow it."""

import itertools
import json
import time
from collections.abc import Collection, Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, ClassVar
from urllib.parse import urlsplit

import gevent
from locust import User
from locust.env import Environment

from loadtests import answers
from loadtests.answers import Answer
from loadtests.journey import Journey, source_address
from loadtests.ledger import settled_after
from loadtests.orders import JSON_HEADERS, Order
from loadtests.run import Run
from loadtests.schedule import Pace
from loadtests.verdict import ORDER

TIMEOUT_SECONDS = 20.0
"""Longer than the pause between two comments in an event stream."""
FOLLOW_SECONDS = 60.0
"""How long a user waits for an order's end: four attempts at its payment take 36 s."""


def connect(url: str, source: str | None) -> HTTPConnection:
    """Return a connection to an api, which opens when it is first used."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(
        parts.hostname or "",
        parts.port,
        timeout=TIMEOUT_SECONDS,
        source_address=(source, 0) if source else None,
    )


class Customer(User):
    """A user of the api, from an address of its own where there are several.

    It does not build on Locust's HTTP users: they offer no way to choose the source address.
    """

    abstract = True
    current: ClassVar[Run]
    """The run that all users share."""
    sends_api_key: ClassVar[bool] = True
    _numbers: ClassVar["itertools.count[int]"] = itertools.count()

    def __init__(self, environment: Environment) -> None:
        """Choose an address and a pace."""
        super().__init__(environment)
        options = self.current.options
        self.source = source_address(options.host, next(self._numbers))
        self.connection = connect(options.host, self.source)
        self.pace = Pace(self.interval(), self.current.rng, time.monotonic())

    def interval(self) -> float:
        """Return the seconds between two journeys."""
        return self.current.options.interval

    def wait_time(self) -> float:
        """Return how long to wait after a journey."""
        self.connection.close()  # servers close idle connections; the next journey opens a new one
        return self.pace.wait(time.monotonic())

    def on_start(self) -> None:
        """Wait for the first start, so that not all users begin at once."""
        gevent.sleep(self.wait_time())

    def ask(  # noqa: PLR0913 - a request, and what is right as its answer
        self,
        method: str,
        path: str,
        journey: Journey,
        *,
        name: str = "",
        expected: Collection[int] = (answers.OK,),
        replay_of: str = "",
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> Answer:
        """Send a request and return its answer, which counts as failed unless it is right."""
        sent = {**self.current.headers(journey, api_key=self.sends_api_key), **(headers or {})}
        began = time.perf_counter()
        try:
            self.connection.request(method, path, body, sent)
            response = self.connection.getresponse()
            received = {name.lower(): value for name, value in response.getheaders()}
            if stream and response.status in expected:
                answer = Answer(response.status, received, b"", response)
            else:
                answer = Answer(response.status, received, response.read())
            failure = answers.complaint(answer, expected, journey, replay_of)
        except (OSError, HTTPException) as error:
            self.connection.close()
            answer, failure = Answer(0, {}, b""), f"no answer: {type(error).__name__}"
        self._count(method, name or path, (time.perf_counter() - began) * 1000, journey, failure)
        return answer

    def _count(self, method: str, name: str, ms: float, journey: Journey, failure: str | None) -> None:
        self.current.note(method, name, ms, journey)
        self.environment.events.request.fire(
            request_type=method, name=name, response_time=ms, response_length=0, exception=failure, context={}
        )

    def send(self, body: Mapping[str, Any], journey: Journey, **request: Any) -> Answer:  # noqa: ANN401
        """Send an order; the journey's correlation id is its Idempotency-Key."""
        headers = {**JSON_HEADERS, "Idempotency-Key": journey.correlation_id}
        request = {"expected": (answers.ACCEPTED,), **request}
        return self.ask("POST", "/v1/orders", journey, body=json.dumps(body), headers=headers, **request)

    def place(self, order: Order, journey: Journey) -> str | None:
        """Place an order; return its id when the api promised to settle it."""
        answer = self.send(order.body, journey)
        if answer.status != answers.ACCEPTED:
            return None
        order_id = str(answer.document["id"])
        self.current.ledger.promise(order_id, journey)
        return order_id

    def follow(self, order_id: str, order: Order, journey: Journey) -> None:
        """Read an order's events to their end, and count how long it took since it was accepted."""
        began, changes, reason = time.perf_counter(), list[dict[str, str]](), "the stream ended"
        path, name = f"/v1/orders/{order_id}/events", "/v1/orders/{id}/events"
        try:
            with gevent.Timeout(FOLLOW_SECONDS):
                answer = self.ask("GET", path, journey, name=name, stream=True)
                changes.extend(json.loads(line[5:]) for line in answer.stream if line.startswith(b"data:"))
        except gevent.Timeout:
            reason = f"not settled within {FOLLOW_SECONDS:.0f} s"
        except (OSError, HTTPException, ValueError) as error:
            reason = type(error).__name__
        status, ms = changes[-1]["status"] if changes else "", settled_after(changes)
        failure = None if status == order.kind.status else f"ended as {status} instead of {order.kind.status}"
        if ms is None:
            self.connection.close()  # the rest of the stream must not become another answer's beginning
            ms = (time.perf_counter() - began) * 1000
            failure = f"not followed to its end: {reason}"
        self.current.ledger.settle(order_id, status)
        self._count(ORDER, order.kind.entry, ms, journey, failure)
