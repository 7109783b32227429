"""What all simulated users can do: ask, place an order, follow it."""

import time
from collections.abc import Collection
from itertools import count
from typing import Any, ClassVar

import gevent
from locust import FastHttpUser
from locust.contrib.fasthttp import FastResponse
from locust.env import Environment

from loadtests import answers, orders
from loadtests.answers import Answer
from loadtests.client import UserPool, events
from loadtests.following import Followed
from loadtests.identity import Journey, source_address
from loadtests.pace import Pace
from loadtests.run import Run
from loadtests.verdict import ORDER

FOLLOW_SECONDS = 60.0
"""How long a user waits for an order's end: four attempts at its payment take 36 s."""


class Customer(FastHttpUser):
    """A user of the api, from an address of its own where there are several."""

    abstract = True
    run_now: ClassVar[Run]
    """The run at hand, which all users share."""
    sends_key: ClassVar[bool] = True
    _numbers: ClassVar["count[int]"] = count()

    def __init__(self, environment: Environment) -> None:
        """Take an address and a pace."""
        self.source = source_address(self.run_now.options.host, next(self._numbers))
        self.client_pool = UserPool(self.source)
        super().__init__(environment)
        self.pace = Pace(self.interval(), self.run_now.rng, time.monotonic())

    def interval(self) -> float:
        """Return the seconds between two journeys."""
        return self.run_now.options.interval

    def wait_time(self) -> float:
        """Return how long to wait after a journey."""
        return self.pace.wait(time.monotonic())

    def on_start(self) -> None:
        """Wait for the first start: not all begin at once."""
        gevent.sleep(self.wait_time())

    def ask(self, method: str, path: str, journey: Journey, **request: Any) -> Answer:  # noqa: ANN401
        """Send a request as `exchange` does; return its answer."""
        return self.exchange(method, path, journey, **request)[0]

    def exchange(
        self,
        method: str,
        path: str,
        journey: Journey,
        *,
        expected: Collection[int] = (answers.OK,),
        replay_of: str = "",
        **request: Any,  # noqa: ANN401 - what Locust takes
    ) -> tuple[Answer, FastResponse]:
        """Send a request; it counts as failed unless its answer is right. With `stream` no body is read."""
        key = {"X-API-Key": self.run_now.options.api_key} if self.sends_key else {}
        sent = {**journey.headers, **key, **request.pop("headers", {})}
        request["headers"] = {name: value for name, value in sent.items() if value}
        request["context"] = {"journey": journey}
        with self.client.request(method, path, catch_response=True, **request) as response:
            streams = request.get("stream") and response.status_code in expected
            body = b"" if streams else response.content or b""
            answer = Answer(response.status_code, response.headers or {}, body)
            unreachable = f"no answer: {type(response.error).__name__}" if not answer.status else None
            if wrong := unreachable or answers.complaint(answer, expected, journey, replay_of):
                response.failure(wrong)
            else:
                response.success()
        return answer, response

    def send(self, body: dict[str, Any], journey: Journey, **request: Any) -> Answer:  # noqa: ANN401
        """Send an order; the journey's correlation id is its Idempotency-Key."""
        request = {"expected": (answers.ACCEPTED,), "name": "/v1/orders", **request}
        key = {"Idempotency-Key": journey.correlation_id}
        return self.ask("POST", "/v1/orders", journey, json=body, headers=key, **request)

    def place(self, order: orders.Order, journey: Journey) -> str | None:
        """Place an order; return its id when the api promised to settle it."""
        answer = self.send(order.body, journey)
        if answer.status != answers.ACCEPTED:
            return None
        order_id = str(answers.document(answer.body)["id"])
        self.run_now.ledger.promise(order_id, journey)
        return order_id

    def follow(self, order_id: str, order: orders.Order, journey: Journey) -> None:
        """Wait for an order's end, and count how long it took since it was accepted."""
        followed = self._followed(order_id, journey)
        self.run_now.ledger.settle(order_id, followed.status)
        self.environment.events.request.fire(
            request_type=ORDER,
            name=order.kind.entry,
            response_time=followed.milliseconds,
            response_length=0,
            exception=followed.complaint(order.kind.status),
            context={"journey": journey},
        )

    def _followed(self, order_id: str, journey: Journey) -> Followed:
        began, seen = time.perf_counter(), list[dict[str, str]]()
        path, name = f"/v1/orders/{order_id}/events", "/v1/orders/{id}/events"
        failure = ""
        try:
            with gevent.Timeout(FOLLOW_SECONDS):
                answer, response = self.exchange("GET", path, journey, name=name, stream=True)
                if answer.status == answers.OK:
                    seen.extend(events(response))
        except gevent.Timeout:
            failure = f"not settled within {FOLLOW_SECONDS:.0f} s"
        except (OSError, ValueError) as error:
            failure = type(error).__name__
        return Followed(seen, time.perf_counter() - began, failure)
