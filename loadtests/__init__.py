"""Load: tests with Locust, and in `bench` benchmarks of single processes.

Of the tests: users, shapes, thresholds, a ledger of the orders that were promised.
``python -m loadtests`` runs them against any api, told by ``LOAD_*`` variables; ``make load`` starts the
native stack for it. Locust patches the whole process with gevent as it is imported, so it has a process of
its own: ``locustfile`` and what only that imports know it, the rest is plain functions.
"""
