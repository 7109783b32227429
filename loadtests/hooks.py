"""What happens around a run: progress while it lasts, the reckoning at its end."""

import json
import logging
import time
from typing import Any

import gevent
from locust import stats
from locust.env import Environment
from locust.event import Events
from locust.stats import StatsEntry

from loadtests import report, summary
from loadtests.customer import Customer
from loadtests.options import Options
from loadtests.run import Run
from loadtests.settling import settle_open
from loadtests.verdict import Entry, Result
from stack.progress import progress_on

TELL_SECONDS = 5.0


class Hooks:
    """Listens to Locust's events."""

    def __init__(self, options: Options) -> None:
        """Count in whole milliseconds."""
        self._options = options
        self._progress = progress_on()
        self._status: int | None = None
        # Locust rounds to two digits: 147 ms would be 150. Its documentation has this function replaced.
        stats.bucket_response_time = whole

    def listen(self, events: Events) -> None:
        """Register everything."""
        events.request.add_listener(self.on_request)
        events.test_start.add_listener(self.on_test_start)
        events.test_stopping.add_listener(self.on_test_stopping)
        events.test_stop.add_listener(self.on_test_stop)
        events.quitting.add_listener(self.on_quitting)

    def on_test_start(self, environment: Environment, **_: object) -> None:
        """Begin anew: the web UI allows several runs."""
        run = Customer.run_now = Run(self._options)
        gevent.spawn(self._tell, environment, run)

    def on_request(
        self, request_type: str, name: str, response_time: float, context: dict[str, Any], **_: object
    ) -> None:
        """Count a request."""
        Customer.run_now.note(request_type, name, response_time, context.get("journey"))

    def on_test_stopping(self, **_: object) -> None:
        """Users finish what they are at; that is no time of the run."""
        Customer.run_now.ended = time.monotonic()

    def on_test_stop(self, environment: Environment, **_: object) -> None:
        """Wait for what was promised, write the reports, and judge."""
        run = Customer.run_now
        lost = settle_open(run, self._progress)
        found = entries(environment)
        result = Result(found, run.ledger.promised, run.ledger.settled, lost, run.seconds)
        errors = [
            {"entry": f"{error.method} {error.name}", "error": str(error.error), "count": error.occurrences}
            for error in environment.stats.errors.values()
        ]
        document = report.document(run, result, errors)
        self._options.results.mkdir(parents=True, exist_ok=True)
        file = self._options.results / "load.json"
        file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        summary.show(document, found, self._progress)
        self._progress.write(f"{file}, load.html beside it")
        self._status = 0 if document["ok"] else 1

    def on_quitting(self, environment: Environment, **_: object) -> None:
        """Tell the verdict to whoever started this."""
        environment.process_exit_code = self._status
        # Its tables would follow, and say the same once more.
        logging.getLogger("locust.stats_logger").setLevel(logging.WARNING)

    def _tell(self, environment: Environment, run: Run) -> None:
        while run.ended is None:
            gevent.sleep(1 if self._progress.terminal else TELL_SECONDS)
            total, runner = environment.stats.total, environment.runner
            users = runner.user_count if runner else 0
            text = summary.line(run, users, total.num_failures, total.get_response_time_percentile(0.95))
            self._progress.transient(text)
            if not self._progress.terminal:
                self._progress.write(text)


def whole(response_time: float) -> int:
    """Return the nearest number of milliseconds."""
    return round(response_time)


def entries(environment: Environment) -> list[Entry]:
    """Return Locust's statistics, requests before orders."""
    found = [_entry(entry) for entry in environment.stats.entries.values()]
    return sorted(found, key=lambda entry: (entry.method == "ORDER", entry.title))


def _entry(entry: StatsEntry) -> Entry:
    p50, p95, p99 = (entry.get_response_time_percentile(share) for share in (0.5, 0.95, 0.99))
    count, failures = entry.num_requests, entry.num_failures
    return Entry(entry.method, entry.name, count, failures, p50, p95, p99, round(entry.max_response_time, 1))
