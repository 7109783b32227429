"""The simulated users: one who shops, one who asks twice, one who errs, one who asks for too much."""

from collections.abc import Iterator
from itertools import cycle
from typing import ClassVar

import gevent
from locust import task
from locust.exception import StopUser

from loadtests import answers, limits, orders
from loadtests.customer import Customer
from loadtests.identity import new_journey

MISTAKE_SECONDS = 1.0
BURST_SECONDS = 10.0


class Shopper(Customer):
    """Looks at the latest orders, places one, follows it to its end, and reads it again."""

    weight = 9

    @task
    def shop(self) -> None:
        """Make one journey."""
        journey = new_journey()
        latest = self.ask("GET", "/v1/orders?limit=10", journey, name="/v1/orders")
        for listed in answers.document(latest.body).get("items", [])[:1]:
            self.ask("GET", f"/v1/orders/{listed['id']}", journey, name="/v1/orders/{id}")
        order = orders.draw(self.run_now.rng)
        order_id = self.place(order, journey)
        if order_id:
            self.follow(order_id, order, journey)
            self.ask("GET", f"/v1/orders/{order_id}", journey, name="/v1/orders/{id}")


class Insistent(Customer):
    """Sends an order again, as a client does that heard nothing; and once more with another order."""

    weight = 1

    @task
    def insist(self) -> None:
        """Make one journey: one key is one order."""
        journey, order = new_journey(), orders.draw(self.run_now.rng)
        order_id = self.place(order, journey)
        if not order_id:
            return
        again = self.send(order.body, journey, name="/v1/orders (again)", replay_of=order_id)
        if again.status == answers.ACCEPTED:
            other = orders.another(order)
            self.send(other, journey, name="/v1/orders (key of another)", expected=(422,))
        self.follow(order_id, order, journey)


class Careless(Customer):
    """Sends what the api must refuse, and wants to be told so properly."""

    fixed_count = 1
    mistakes: ClassVar[Iterator[orders.Mistake]] = cycle(orders.MISTAKES)

    def interval(self) -> float:
        """Return the seconds between two mistakes."""
        return MISTAKE_SECONDS

    @task
    def err(self) -> None:
        """Make the next mistake."""
        mistake = next(self.mistakes)
        self.ask(
            "POST" if mistake.data else "GET",
            mistake.path,
            new_journey(),
            name=f"bad input: {mistake.name}",
            expected=(mistake.status,),
            data=mistake.data,
            headers=mistake.headers,
        )


class Greedy(Customer):
    """Asks for more than its share, is told to wait, waits, and is served again.

    Under an identity of its own: its limit is nobody else's. It stays away where there is none, and where the
    limit is so high that reaching it would take what others need.
    """

    fixed_count = 1
    sends_key = False

    def interval(self) -> float:
        """Return the seconds between two bursts."""
        return BURST_SECONDS

    @task
    def burst(self) -> None:
        """Ask until there is a 429."""
        options, seen = self.run_now.options, self.run_now.limits
        answer = self._list("greedy, first", (200, 401))
        if reason := limits.why_not(answer, alone=bool(self.source or options.api_key)):
            seen[reason] = 1
            raise StopUser
        for _ in range(2 * limits.burst(answer)):
            answer = self._list("greedy", (200, 429))
            if answer.status == answers.TOO_MANY:
                seen["reached"] += 1
                gevent.sleep(float(answer.headers.get("Retry-After", "1")))
                self._list("greedy, having waited", (200,))
                return
        seen["not reached"] += 1

    def _list(self, name: str, expected: tuple[int, ...]) -> answers.Answer:
        return self.ask(
            "GET", "/v1/orders?limit=1", new_journey(), name=f"/v1/orders ({name})", expected=expected
        )
