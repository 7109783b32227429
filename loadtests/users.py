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
from loadtests.journey import Journey


class Shopper(Customer):
    """Looks at the latest orders, places one, follows it to its end, and reads it again."""

    weight = 9

    @task
    def shop(self) -> None:
        """Make one journey."""
        journey, (kind, body) = Journey(), orders.draw(self.current.rng)
        latest = self.ask("GET", "/v1/orders?limit=10", journey, name="/v1/orders")
        for listed in latest.document.get("items", [])[:1]:
            self.ask("GET", f"/v1/orders/{listed['id']}", journey, name="/v1/orders/{id}")
        if order_id := self.place(body, journey):
            self.follow(order_id, kind, journey)
            self.ask("GET", f"/v1/orders/{order_id}", journey, name="/v1/orders/{id}")


class RetryingUser(Customer):
    """Sends an order again, as a client does that got no answer; and another order under the same key."""

    weight = 1

    @task
    def retry(self) -> None:
        """Make one journey: one key is one order."""
        journey, (kind, body) = Journey(), orders.draw(self.current.rng)
        if order_id := self.place(body, journey):
            again = self.send(body, journey, name="/v1/orders (again)", replay_of=order_id)
            if again.status == HTTPStatus.ACCEPTED:
                other = orders.changed(body)
                self.send(other, journey, name="/v1/orders (key of another)", expected=(422,))
            self.follow(order_id, kind, journey)


class InvalidInputUser(Customer):
    """Sends what the api must refuse, and checks that the refusal says why."""

    fixed_count, interval_seconds = 1, 1.0
    invalid: ClassVar[Iterator[orders.Invalid]] = itertools.cycle(orders.INVALID)

    @task
    def send_invalid(self) -> None:
        """Send the next invalid request."""
        this = next(self.invalid)
        self.ask(
            "POST" if this.body else "GET",
            this.path,
            Journey(),
            name=f"bad input: {this.name}",
            expected=(this.status,),
            body=this.body,
            headers=this.headers,
        )


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
        answer = self._list("over the limit, first", (200, 401))
        if reason := why_not_over_limit(answer, alone=bool(self.source or self.current.api_key)):
            seen[reason] = 1
            raise StopUser
        for _ in range(2 * answer.burst):
            answer = self._list("over the limit", (200, 429))
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                seen["reached"] += 1
                gevent.sleep(float(answer.headers.get("retry-after", "1")))
                self._list("over the limit, having waited", (200,))
                return
        seen["not reached"] += 1

    def _list(self, name: str, expected: tuple[int, ...]) -> Answer:
        path = "/v1/orders"
        return self.ask("GET", f"{path}?limit=1", Journey(), name=f"{path} ({name})", expected=expected)
