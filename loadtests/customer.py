"""What all simulated users can do: send a request, place an order, follow it."""

import itertools
import json
import time
from collections.abc import Collection, Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, ClassVar
from urllib.parse import urlsplit

import gevent
from locust import User
from locust.env import Environment

from loadtests.answers import Answer, complaint
from loadtests.journey import Journey, settled_after, source_address
from loadtests.orders import JSON_HEADERS, Kind
from loadtests.run import ORDER, Run

TIMEOUT_SECONDS = 20.0
"""Longer than the pause between two comments in an event stream."""
FOLLOW_SECONDS = 60.0
"""How long a user waits for an order's end: four attempts at its payment take 36 s."""


def connect(url: str, source: str | None) -> HTTPConnection:
    """Return a connection to an api, which opens when it is first used."""
    parts, address = urlsplit(url), (source, 0) if source else None
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS, source_address=address)


class Customer(User):
    """A user of the api, from an address of its own where there are several.

    It does not build on Locust's HTTP users: they offer no way to choose the source address.
    """

    abstract = True
    current: ClassVar[Run]
    """The run that all users share."""
    sends_api_key: ClassVar[bool] = True
    interval_seconds: ClassVar[float] = 0.0
    """Between two journeys; 0 for the interval of the options."""
    _numbers: ClassVar["itertools.count[int]"] = itertools.count()

    def __init__(self, environment: Environment) -> None:
        """Choose an address and an interval."""
        super().__init__(environment)
        options = self.current.options
        self.source = source_address(options.host, next(self._numbers))
        self.connection = connect(options.host, self.source)
        self.interval = self.interval_seconds or options.interval
        self.planned = 0.0

    def on_start(self) -> None:
        """Begin somewhere within the first interval, so that users who come together do not act together."""
        self.current.over.wait(self.current.rng.uniform(0, self.interval))
        self.planned = time.monotonic()

    def wait_time(self) -> float:
        """Return how long to wait after a journey.

        Counted from one planned start to the next: a slow answer costs no orders, unless it takes longer than
        the interval. What is missed then is not made up for.
        """
        self.connection.close()  # servers close idle connections; the next journey opens a new one
        now = time.monotonic()
        self.planned = max(now, self.planned + self.interval)
        return self.planned - now

    def ask(  # noqa: PLR0913 - a request, and what is right as its answer
        self,
        method: str,
        path: str,
        journey: Journey,
        *,
        name: str = "",
        expected: Collection[int] = (HTTPStatus.OK,),
        replay_of: str = "",
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> Answer:
        """Send a request and return its answer, which counts as failed unless it is right."""
        sent = self.current.headers(journey) if self.sends_api_key else journey.headers
        began = time.perf_counter()
        try:
            self.connection.request(method, path, body, {**sent, **(headers or {})})
            response = self.connection.getresponse()
            received = {name.lower(): value for name, value in response.getheaders()}
            if stream and response.status in expected:
                answer = Answer(response.status, received, b"", response)
            else:
                answer = Answer(response.status, received, response.read())
            failure = complaint(answer, expected, journey, replay_of)
        except (OSError, HTTPException) as error:
            self.connection.close()
            answer, failure = Answer(0, {}, b""), f"no answer: {type(error).__name__}"
        self._count(method, name or path, (time.perf_counter() - began) * 1000, journey, failure)
        return answer

    def _count(self, method: str, name: str, ms: float, journey: Journey, failure: str | None) -> None:
        self.current.note(method, name, ms, journey)
        if failure:
            journey.fail(failure)
        self.environment.events.request.fire(
            request_type=method, name=name, response_time=ms, response_length=0, exception=failure, context={}
        )

    def send(self, body: Mapping[str, Any], journey: Journey, **request: Any) -> Answer:  # noqa: ANN401
        """Send an order; the journey's correlation id is its Idempotency-Key."""
        headers = {**JSON_HEADERS, "Idempotency-Key": journey.correlation_id}
        request = {"expected": (HTTPStatus.ACCEPTED,), **request}
        return self.ask("POST", "/v1/orders", journey, body=json.dumps(body), headers=headers, **request)

    def place(self, body: Mapping[str, Any], journey: Journey) -> str | None:
        """Place an order; return its id when the api promised to settle it."""
        answer = self.send(body, journey)
        if answer.status != HTTPStatus.ACCEPTED:
            return None
        order_id = str(answer.document["id"])
        self.current.ledger.promise(order_id, journey)
        return order_id

    def follow(self, order_id: str, kind: Kind, journey: Journey) -> None:
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
        failure = None if status == kind.status else f"ended as {status} instead of {kind.status}"
        if ms is None:
            self.connection.close()  # the rest of the stream must not become another answer's beginning
            ms = (time.perf_counter() - began) * 1000
            failure = f"not followed to its end: {reason}"
        self.current.ledger.settle(order_id, status)
        self._count(ORDER, kind.entry, ms, journey, failure)
