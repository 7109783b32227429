"""What Locust loads: users, a shape where one was asked for, and what we count beside its statistics."""

import os

from locust import events

from loadtests import shape
from loadtests.customer import Customer
from loadtests.hooks import Hooks
from loadtests.options import parse
from loadtests.run import Run
from loadtests.users import Careless, Greedy, Insistent, Shopper

__all__ = ["Careless", "Greedy", "Insistent", "Shopper"]

asked = parse(os.environ)
Customer.run_now = Run(asked)
Hooks(asked).listen(events)
if asked.shape:

    class Shape(shape.Shape):
        """The shape that was asked for; Locust takes any that it finds here."""

        options = asked
