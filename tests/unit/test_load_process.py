"""The load test as a process of its own, patched by gevent, against a small api and a small trace backend."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stack.layout import ROOT
from tests.telemetry.contract import CONTRACT
from tests.telemetry.spans import problems, spans_of
from tests.unit.otlp_collector import Answer, running_collector

CHANGES = [
    {"status": status, "at": f"2026-11-25T10:00:0{n}Z"} for n, status in enumerate(("pending", "done"))
]
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
IN_USE = ("LOAD_", "LOCUST_", "OTEL_", "TELEMETRY", "API_KEY")
UNWRITABLE = "is no folder that can be written: Not a directory"
pytestmark = pytest.mark.timeout(60)


class Api(BaseHTTPRequestHandler):
    """Accepts whatever is posted, and tells of every order that it is done."""

    requests: list[Message]
    """The headers of each request."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(202, b'{"id": "an-order", "status": "pending"}')

    def do_GET(self) -> None:
        events = "".join(f"data: {json.dumps(change)}\n\n" for change in CHANGES)
        self._answer(200, events.encode() if self.path.endswith("/events") else b'{"status": "done"}')

    def _answer(self, status: int, body: bytes) -> None:
        self.requests.append(self.headers)
        self.send_response(status)
        self.send_header("X-Correlation-ID", self.headers["X-Correlation-ID"])
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running_api() -> Iterator[tuple[str, list[Message]]]:
    """Yield the address of a small api, and the headers of the requests that it gets."""
    requests = Api.requests = list[Message]()
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{server.server_port}", requests
        server.shutdown()


def load(folder: Path, variables: dict[str, str], cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    """Run a load test of a second or so; these variables are added to the environment."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(IN_USE)}
    asked = {"LOAD_SECONDS": "1", "LOAD_USERS": "4", "LOAD_RATE": "8", "LOAD_RESULTS": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", "loadtests"],
        env={**clean, **asked, "PYTHONPATH": str(ROOT), **variables},
        cwd=cwd, capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip


def traces(requests: list[Message]) -> set[str]:
    """Return the trace and span ids that requests carry."""
    return {one["traceparent"][3:-3] for one in requests if "traceparent" in one}


def test_each_step_of_a_user_is_a_root_span(tmp_path: Path) -> None:
    """Every trace context that the api gets is one of an exported span, which says how the step went."""
    with running_collector() as collector, running_api() as (host, requests):
        endpoint = collector.url.removesuffix("/v1/traces")
        ended = load(tmp_path, {"LOAD_HOST": host, "LOAD_SECONDS": "2", ENDPOINT: endpoint})
        bodies = [json.loads(one.body) for one in collector.received]
    spans = [span for body in bodies for span in spans_of({"result": body})]
    assert ended.returncode == 1, ended.stderr  # nothing invalid was refused
    assert "Traceback" not in ended.stdout + ended.stderr
    assert all("traceparent" in one for one in requests)
    assert traces(requests) <= {f"{span.trace_id}-{span.span_id}" for span in spans}
    assert [text for span in spans for text in problems(CONTRACT, span, {}, complete=True)] == []
    assert {span.service for span in spans} == {"loadtest"}
    seen = {(span.name, span.attributes["loadtest.outcome"], span.failed) for span in spans}
    assert {("load: shop", "passed", False), ("load: invalid input", "failed", True)} <= seen
    assert {one["x-correlation-id"] for one in requests} <= {x.attributes["correlation_id"] for x in spans}
    slowest = json.loads((tmp_path / "load.json").read_text())["slowest"].values()
    assert {one["trace_id"] for some in slowest for one in some} <= {span.trace_id for span in spans}


@pytest.mark.parametrize("variables", [{}, {"TELEMETRY": "off", ENDPOINT: "http://127.0.0.1:9"}])
def test_without_anywhere_to_export_to_no_trace_is_begun(variables: dict[str, str], tmp_path: Path) -> None:
    """A trace without its root would be incomplete for ever; the api begins its own."""
    with running_api() as (host, requests):
        load(tmp_path, {"LOAD_HOST": host, **variables})
    assert requests
    assert traces(requests) == set()
    one = json.loads((tmp_path / "load.json").read_text())["slowest"]["POST /v1/orders"][0]
    assert (one["trace_id"], one["trace"]) == ("", "")


def test_a_backend_that_hangs_holds_the_run_up_for_seconds_only(tmp_path: Path) -> None:
    """What could not go is said; the verdict is as without it."""
    with running_collector() as collector, running_api() as (host, _):
        collector.answers.extend([Answer(hang=True)] * 9)
        began = time.monotonic()
        endpoint = collector.url.removesuffix("/v1/traces")
        ended = load(tmp_path, {"LOAD_HOST": host, ENDPOINT: endpoint})
        took = time.monotonic() - began
    assert "telemetry lost at shutdown" in ended.stdout
    assert "load: failed" in ended.stdout
    assert took < 30


def test_locusts_own_configuration_is_not_read(tmp_path: Path) -> None:
    """Neither its variables nor its files, of the user or of the folder, have a say."""
    home, here = tmp_path / "home", tmp_path / "here"
    for folder in (home, here):
        folder.mkdir()
    (home / ".locust.conf").write_text(f"logfile = {tmp_path}/of-home\nonly-summary = false\n")
    (here / "locust.conf").write_text(f"csv = {tmp_path}/of-folder\n")
    (here / "ca.pem").touch()  # found from here, though Locust starts elsewhere
    theirs = {"HOME": str(home), "LOCUST_CSV": f"{tmp_path}/of-variable", "LOCUST_TAGS": "none"}
    theirs["OTEL_EXPORTER_OTLP_CERTIFICATE"] = "ca.pem"
    with running_api() as (host, _):
        ended = load(here / "results", {"LOAD_HOST": host, **theirs}, here)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "home"]
    assert "orders promised" in ended.stdout, ended.stderr


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("LOAD_RATE", "none", "argument --rate: 'none' is no number from 0.1 to 2000"),
        ("LOAD_RESULTS", "/dev/null/x", f"argument --results: '/dev/null/x' {UNWRITABLE}"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "OTEL_BSP_MAX_QUEUE_SIZE: Input should be greater than 0"),
    ],
)
def test_a_wrong_variable_is_status_2(name: str, value: str, complaint: str, tmp_path: Path) -> None:
    """At once, with the reason, and without the stack, which the load image does not hold."""
    ended = load(tmp_path, {name: value})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.endswith(f"python -m loadtests: error: {complaint}\n")
    assert "Traceback" not in ended.stderr


def test_results_that_can_no_longer_be_written_are_said(tmp_path: Path) -> None:
    """The verdict is there all the same, then the reason, and the status is 1."""
    results = tmp_path / "results"
    (results / "load.json").mkdir(parents=True)
    with running_api() as (host, _):
        ended = load(results, {"LOAD_HOST": host})
    assert ended.returncode == 1
    assert re.search(
        r"orders promised(.|\n)*\nload: failed\nerror: .*load.json is not written: ", ended.stdout
    )
    assert "Traceback" not in ended.stdout + ended.stderr
