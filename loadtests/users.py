"""The simulated users: a shopper, a retrying user, one with invalid input, one over the rate limit."""

import itertools
from collections.abc import Iterator
from http import HTTPStatus
from typing import ClassVar

import gevent
from locust import task
from locust.exception import StopUser

from loadtests import orders
from loadtests.answers import Answer, why_not_over_limit
from loadtests.customer import Customer
from loadtests.journey import Journey, journey


class Shopper(Customer):
    """Looks at the latest orders, places one, follows it to its end, and reads it again."""

    weight = 9

    @task
    def shop(self) -> None:
        """Make one journey."""
        kind, body = orders.draw(self.current.rng)
        with journey(self.current.tracer, "shop") as this:
            latest = self.ask("GET", "/v1/orders?limit=10", this, name="/v1/orders")
            for listed in latest.document.get("items", [])[:1]:
                self.ask("GET", f"/v1/orders/{listed['id']}", this, name="/v1/orders/{id}")
            if order_id := self.place(body, this):
                self.follow(order_id, kind, this)
                self.ask("GET", f"/v1/orders/{order_id}", this, name="/v1/orders/{id}")


class RetryingUser(Customer):
    """Sends an order again, as a client does that got no answer; and another order under the same key."""

    weight = 1

    @task
    def retry(self) -> None:
        """Make one journey: one key is one order."""
        kind, body = orders.draw(self.current.rng)
        with journey(self.current.tracer, "retry") as this:
            if order_id := self.place(body, this):
                again = self.send(body, this, name="/v1/orders (again)", replay_of=order_id)
                if again.status == HTTPStatus.ACCEPTED:
                    other = orders.changed(body)
                    self.send(other, this, name="/v1/orders (key of another)", expected=(422,))
                self.follow(order_id, kind, this)


class InvalidInputUser(Customer):
    """Sends what the api must refuse, and checks that the refusal says why."""

    fixed_count, interval_seconds = 1, 1.0
    invalid: ClassVar[Iterator[orders.Invalid]] = itertools.cycle(orders.INVALID)

    @task
    def send_invalid(self) -> None:
        """Send the next invalid request."""
        bad = next(self.invalid)
        method, name, expected = "POST" if bad.body else "GET", f"bad input: {bad.name}", (bad.status,)
        with journey(self.current.tracer, "invalid input") as this:
            self.ask(method, bad.path, this, name=name, expected=expected, body=bad.body, headers=bad.headers)


class UserOverLimit(Customer):
    """Exceeds the rate limit, waits as long as the answer says, and is served again.

    The user has an identity of its own: its limit is nobody else's. It stops where it has none, and where the
    limit is so high that exceeding it would take what others need.
    """

    fixed_count, interval_seconds = 1, 10.0
    sends_api_key = False

    @task
    def burst(self) -> None:
        """Send requests until one is answered 429."""
        seen = self.current.limits
        with journey(self.current.tracer, "over the limit") as this:
            answer = self._list("over the limit, first", (200, 401), this)
            if reason := why_not_over_limit(answer, alone=bool(self.source or self.current.api_key)):
                seen[reason] = 1
                raise StopUser
            for _ in range(2 * answer.burst):
                answer = self._list("over the limit", (200, 429), this)
                if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                    seen["reached"] += 1
                    gevent.sleep(float(answer.headers.get("retry-after", "1")))
                    self._list("over the limit, having waited", (200,), this)
                    return
            seen["not reached"] += 1

    def _list(self, name: str, expected: tuple[int, ...], this: Journey) -> Answer:
        path = "/v1/orders"
        return self.ask("GET", f"{path}?limit=1", this, name=f"{path} ({name})", expected=expected)
