"""What Locust loads: the users, the requested shape, and what happens before and after a run."""

import json
import time
from argparse import ArgumentParser
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

import gevent
from locust import LoadTestShape, events, stats
from locust.env import Environment
from locust.html import get_html_report

from loadtests import report
from loadtests.answers import Answer
from loadtests.customer import FOLLOW_SECONDS, Customer, connect
from loadtests.journey import source_address
from loadtests.options import add_options, parse
from loadtests.run import ORDER, Run, title
from loadtests.tracing import load_tracer
from loadtests.users import InvalidInputUser, RetryingUser, Shopper, UserOverLimit
from observability import TelemetrySettings

__all__ = ["InvalidInputUser", "RetryingUser", "Shopper", "UserOverLimit"]

PROGRESS_SECONDS = 5.0
POLL_SECONDS = 0.5

parser = ArgumentParser()
add_options(parser)
options = parse(parser.parse_args([]))  # Locust's command line is Locust's; ours is in the environment
tracer, export_last_spans = load_tracer(TelemetrySettings())
Customer.current = Run(options, tracer)
verdict: list[str] = []
stats.bucket_response_time = lambda response_time: int(response_time + 0.5)  # Locust itself rounds 147 to 150


if options.shape:

    class Shape(LoadTestShape):
        """Says once a second how many users there are to be."""

        def tick(self) -> tuple[int, float] | None:
            """Return the number of users and how many come or go in a second; None at the end."""
            users = options.users_at(time.perf_counter() - self.start_time)
            place_no_orders = InvalidInputUser.fixed_count + UserOverLimit.fixed_count
            return None if users is None else (users + place_no_orders, options.spawn_rate)


def begin(environment: Environment, **_: object) -> None:
    """Begin anew: the web UI allows several runs."""
    Customer.current = Run(options, tracer)
    gevent.spawn(show_progress, environment, Customer.current)


def stop_clock(**_: object) -> None:
    """Stop the clock: what users finish afterwards is no time of the run."""
    Customer.current.ended = time.monotonic()
    Customer.current.over.set()


def conclude(environment: Environment, **_: object) -> None:
    """Wait until every promised order is settled, write the reports, and judge."""
    run = Customer.current
    lost = settle_open(run)
    errors = [
        {"entry": f"{one.method} {one.name}", "error": str(one.error), "count": one.occurrences}
        for one in environment.stats.errors.values()
    ]
    document, file = report.document(run, entries(environment), lost, errors), options.results / "load.json"
    verdict[:] = report.lines(document)
    environment.process_exit_code = 0 if document["ok"] else 1
    try:
        file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        page = get_html_report(environment, show_download_link=False)
        file.with_suffix(".html").write_text(page, encoding="utf-8")
        verdict.append(f"{file}, load.html beside it")
    except OSError as error:
        verdict.append(f"error: {file} is not written: {error.strerror}")
        environment.process_exit_code = 1


def end(**_: object) -> None:
    """Export the last spans, and print the verdict after Locust's tables."""
    export_last_spans()
    print(*verdict, sep="\n", flush=True)  # noqa: T201 - the command's output


def settle_open(run: Run) -> list[str]:
    """Ask for every open order until it is settled; return those that are not within a minute."""
    connection = connect(options.host, source_address(options.host, -1))  # no user's address
    deadline = time.monotonic() + FOLLOW_SECONDS
    while run.ledger.open and time.monotonic() < deadline:
        for order_id, journey in list(run.ledger.open.items()):
            try:
                connection.request("GET", f"/v1/orders/{order_id}/status", headers=run.headers(journey))
                response = connection.getresponse()
                answer = Answer(response.status, {}, response.read())
            except (OSError, HTTPException):
                connection.close()
                continue
            if answer.status == HTTPStatus.OK:
                run.ledger.settle(order_id, str(answer.document.get("status")))
        if run.ledger.open:
            gevent.sleep(POLL_SECONDS)
    return list(run.ledger.open)


def show_progress(environment: Environment, run: Run) -> None:
    """Print the state of a run every few seconds while it lasts."""
    while not run.over.wait(PROGRESS_SECONDS):
        total, runner = environment.stats.total, environment.runner
        users = f"{runner.user_count if runner else 0} users"
        orders = f"{run.ledger.promised} orders, {len(run.ledger.open)} open"
        p95 = f"p95 {total.get_response_time_percentile(0.95):g} ms"
        line = f"{run.seconds:4.0f} s  {users}  {orders}  {total.num_failures} failures  {p95}"
        print(line, flush=True)  # noqa: T201 - the command's output


def entries(environment: Environment) -> list[dict[str, Any]]:
    """Return Locust's statistics as `report` takes them, requests before orders; durations in ms."""
    found = [
        {
            "title": title(entry.method, entry.name),
            "method": entry.method,
            "name": entry.name,
            "requests": entry.num_requests,
            "failures": entry.num_failures,
            **{f"p{n}_ms": entry.get_response_time_percentile(n / 100) for n in (50, 95, 99)},
            "max_ms": round(entry.max_response_time, 1),
        }
        for entry in environment.stats.entries.values()
    ]
    return sorted(found, key=lambda entry: (entry["method"] == ORDER, entry["title"]))


events.test_start.add_listener(begin)
events.test_stopping.add_listener(stop_clock)
events.test_stop.add_listener(conclude)
events.quit.add_listener(end)
