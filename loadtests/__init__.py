"""Load tests with Locust; `bench` measures single processes, `soak` finds and keeps up the highest rate.

`python -m loadtests` runs simulated users against any api, configured by `LOAD_*` variables; `make load`
starts the native stack for it. Locust patches its whole process with gevent as it is imported, so it has a
process of its own: `locustfile`, `customer` and `users` import it, the rest is plain functions.
"""
