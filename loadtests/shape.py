"""The shapes, as Locust asks for them."""

import time

from locust import LoadTestShape

from loadtests.options import Options
from loadtests.stages import users_at
from loadtests.users import Careless, Greedy

BESIDE = Careless.fixed_count + Greedy.fixed_count
"""Users who place no orders."""


class Shape(LoadTestShape):
    """Tells once a second how many users there are to be."""

    abstract = True
    options: Options

    def tick(self) -> tuple[int, float] | None:
        """Return users and how many come or go in a second; None at the end."""
        options = self.options
        second = time.perf_counter() - self.start_time
        users = users_at(options.shape, second, seconds=options.seconds, users=options.users)
        return None if users is None else (users + BESIDE, options.spawn_rate)
