"""Requests to an OTLP backend: what is sent, what is tried again, and how each answer counts."""

import ssl
import time
from pathlib import Path

import pytest

from observability.export import client
from observability.export.client import OtlpClient, Outcome
from observability.settings import OtlpSettings
from tests.unit.otlp_collector import Answer, Collector, running_collector
from tests.unit.otlp_samples import certificate

BODY = b'{"resourceSpans":[]}'


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have attempts follow each other at once, unless the backend asks for time."""
    monkeypatch.setattr(client, "RETRIES", client.RETRIES.new(backoff_factor=0, backoff_jitter=0))


def sent(collector: Collector, *answers: Answer, **settings: object) -> Outcome:
    """Send one request, which is answered as told, and return how it ended."""
    collector.answers.extend(answers)
    sending = OtlpClient(OtlpSettings.model_validate({"endpoint": collector.url, **settings}))
    try:
        return sending.send(BODY)
    finally:
        sending.close()


def test_a_request_is_json_with_the_configured_headers(collector: Collector) -> None:
    """What describes the body cannot be changed by configuration."""
    headers = "api-key=hush,content-type=text/plain"
    assert sent(collector, headers=headers, compression="gzip") == Outcome("exported")
    [request] = collector.received
    assert (request.path, request.body) == ("/v1/traces", BODY)
    expected = {"api-key": "hush", "content-type": "application/json", "content-encoding": "gzip"}
    assert request.headers.items() >= expected.items()


def test_the_connection_is_kept(collector: Collector) -> None:
    """One for all requests, also after a failure."""
    sending = OtlpClient(OtlpSettings(endpoint=collector.url))
    collector.answers += [Answer(), Answer(400), Answer(body=b"")]
    for _ in range(4):
        sending.send(BODY)
    sending.close()
    assert len({request.peer for request in collector.received}) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 413, 500])
def test_other_statuses_are_final(collector: Collector, status: int) -> None:
    """A redirect, above all, is neither followed nor taken for success."""
    headers = {"Location": collector.url}
    answer = Answer(status, headers, body=b'{"code": 3, "message": "no such tenant"}')
    assert sent(collector, answer) == Outcome(f"http_{status}", "no such tenant")
    assert len(collector.received) == 1


def test_a_backend_that_is_not_there_is_given_up() -> None:
    """Nobody listens; the reason is not a timeout."""
    with running_collector() as gone:
        endpoint = gone.url
    assert OtlpClient(OtlpSettings(endpoint=endpoint)).send(BODY).reason == "connection_error"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b'{"partialSuccess": {"rejectedSpans": "3", "errorMessage": "old"}}', Outcome("exported", "old", 3)),
        (b'{"partialSuccess": {"rejectedLogRecords": 2}}', Outcome("exported", "", 2)),
        *[(odd, Outcome("exported")) for odd in (b"", b"no JSON", b"[]", b'{"partialSuccess": null}')],
    ],
)
def test_partial_success_is_read(collector: Collector, answer: bytes, outcome: Outcome) -> None:
    """How many items were refused, and why; what cannot be read counts as plain success."""
    assert sent(collector, Answer(body=answer)) == outcome


def test_tls_needs_an_authority_that_is_trusted(tmp_path: Path) -> None:
    """With the file both sides show their certificate and trust it; without it nothing is sent."""
    pem = certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    tls.load_verify_locations(pem)
    tls.verify_mode = ssl.CERT_REQUIRED
    with running_collector(tls) as collector:
        files = {"certificate": pem, "client_certificate": pem, "client_key": pem}
        assert sent(collector, **files) == Outcome("exported")
        assert sent(collector, client_certificate=pem, client_key=pem).reason == "connection_error"
    assert len(collector.received) == 1


@pytest.mark.parametrize(
    ("answers", "outcome", "seconds"),
    [
        *[([Answer(status)], "exported", 0) for status in (429, 502, 503, 504)],
        ([Answer(cut=True)], "exported", 0),
        ([Answer(503, {"Retry-After": "1"})], "exported", 1),
        ([Answer(503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})], "exported", 0),
        ([Answer(503, {"Retry-After": "0"})] * 5, "http_503", 0),
        ([Answer(hang=True)] * 5, "timeout", 0),
    ],
)
def test_what_may_succeed_later_is_tried_again(
    collector: Collector, answers: list[Answer], outcome: str, seconds: float
) -> None:
    """The same request, up to five times, each with its timeout, after the pause that is asked for."""
    began, timeout = time.monotonic(), 0.05 if answers[0].hang else 10
    assert sent(collector, *answers, timeout=timeout).reason == outcome
    assert [request.body for request in collector.received] == [BODY] * min(5, len(answers) + 1)
    assert time.monotonic() - began >= seconds
