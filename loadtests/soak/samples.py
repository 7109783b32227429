"""The system as seen from outside, every few seconds: memory, outboxes, queues, lost telemetry."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

from stack import processes
from stack.components import SERVICES
from stack.state import State

TIMEOUT_SECONDS = 4.0
MAX_SAMPLES = 5000
OUTBOXES = 2
"""The services that have an outbox are api and worker."""
WORK_QUEUES = 'queue!~".*[.](dlq|retry[.].*)|operator[.].*"'


@dataclass(frozen=True, slots=True)
class Sample:
    """The state so many seconds after the start; what Prometheus does not know is None.

    `memory` is resident bytes by component, `outbox_age` the seconds that the oldest entry of an outbox has
    waited, `waiting` the ready messages in work queues, `dropped` the spans that were not exported.
    """

    second: float
    memory: dict[str, int]
    outbox_age: float | None
    waiting: float | None
    dropped: float | None


@dataclass(frozen=True, slots=True)
class Watcher:
    """Looks at a running stack."""

    state: State
    prometheus: str

    def look(self, second: float) -> Sample:
        """Return a sample.

        Raises:
            httpx2.HTTPError: Prometheus does not answer.
        """
        # Prometheus keeps what an earlier stack left behind, so series are chosen by their instance.
        ports = "|".join(str(getattr(self.state.ports, name)) for name in SERVICES)
        ours = f'instance=~"127[.]0[.]0[.]1:({ports})"'
        broker = f'instance="127.0.0.1:{self.state.ports.rabbitmq_metrics}"'
        ages = f"outbox_oldest_age_seconds{{{ours}}}"
        lost = f'telemetry_spans_total{{{ours},result!="exported"}}'
        # All services or nothing: the one that is not scraped may be the one in trouble.
        return Sample(
            second=round(second, 1),
            memory={one.name: processes.resident_bytes(one.pid) for one in self.state.running()},
            outbox_age=self._value(f"max({ages}) and count({ages}) == {OUTBOXES}"),
            waiting=self._value(f"sum(rabbitmq_detailed_queue_messages_ready{{{broker},{WORK_QUEUES}}})"),
            dropped=self._value(f"sum({lost}) and count(count by (instance) ({lost})) == {len(SERVICES)}"),
        )

    def _value(self, expression: str) -> float | None:
        address, query = f"{self.prometheus}/api/v1/query", {"query": expression}
        response = httpx2.get(address, params=query, timeout=TIMEOUT_SECONDS, trust_env=False)
        result = response.raise_for_status().json()["data"]["result"]
        return float(result[0]["value"][1]) if result else None


def known(values: Iterable[float | None]) -> list[float]:
    """Return the values that are not None."""
    return [value for value in values if value is not None]


@contextmanager
def sampling(look: Callable[[float], Sample], every: float) -> Iterator[list[Sample]]:
    """Look every few seconds while the block runs; the list grows meanwhile."""
    samples, done, began = list[Sample](), threading.Event(), time.monotonic()

    def sample() -> None:
        while not done.wait(every) and len(samples) < MAX_SAMPLES:
            try:
                samples.append(look(time.monotonic() - began))
            except (httpx2.HTTPError, OSError):
                continue  # Prometheus was too busy to answer; the next sample may succeed

    thread = threading.Thread(target=sample, name="sampling", daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()
