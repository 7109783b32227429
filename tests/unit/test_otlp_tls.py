"""Exporting over https, to a server that has a certificate for 127.0.0.1 of its own making."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export import SpanExportResult

from observability.otlp.environment import OtlpSettings, otlp_settings
from observability.otlp.tls import tls_context
from tests.unit.otlp_collector import Answer, Collector, exporting, running_collector
from tests.unit.otlp_samples import span

# Self-signed, valid from 2020 to 2120, trusted by nobody; the key is as public as this file.
CERTIFICATE = (
    "MIIBezCCASCgAwIBAgIBATAKBggqhkjOPQQDAjAbMRkwFwYDVQQDDBBvcmRlcnNjb3BlIHRlc3RzMCAXDTIwMDEwMTAwMDAwMFoY"
    "DzIxMjAwMTAxMDAwMDAwWjAbMRkwFwYDVQQDDBBvcmRlcnNjb3BlIHRlc3RzMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAErUuR"
    "es6PELmuND6By+vZ4O4xJ/EfNQv4jcxY2sN6ykna44E7pts7+p5Y9yOiBXFTDFAu1bpIHNVT8t63dG1G8aNTMFEwDwYDVR0TAQH/"
    "BAUwAwEB/zAdBgNVHQ4EFgQUmWnIxl4MDBa2ykmu2Gd189gWzE8wDgYDVR0PAQH/BAQDAgKEMA8GA1UdEQQIMAaHBH8AAAEwCgYI"
    "KoZIzj0EAwIDSQAwRgIhALJmbDkjfvXgqAxuBOeDkPe+tMeB1SupmKK2DJ/06kUaAiEAs4xfawQb26KP5bptlnzwc5c1Y+moFVF9"
    "rnqTNkrpSc4="
)
KEY = (
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/sJhrz2xW290pHps9rjbM8MpN5C5QTVEw/I7hsrqPdGhRANCAASt"
    "S5F6zo8Qua40PoHL69ng7jEn8R81C/iNzFjaw3rKSdrjgTum2zv6nlj3I6IFcVMMUC7Vukgc1VPy3rd0bUbx"
)


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the certificate and its key."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    parts = [("CERTIFICATE", CERTIFICATE), ("PRIVATE KEY", KEY)]
    path.write_text(
        "".join(f"-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n" for kind, text in parts)
    )
    return path


@pytest.fixture
def collector(pem: Path) -> Iterator[Collector]:
    """A server that speaks TLS, and asks clients for a certificate."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    tls.load_verify_locations(pem)
    tls.verify_mode = ssl.CERT_REQUIRED
    with running_collector(tls) as running:
        yield running


def settings(**files: Path) -> OtlpSettings:
    """Return settings with these files."""
    return otlp_settings({f"OTEL_EXPORTER_OTLP_{name}": str(path) for name, path in files.items()})


def test_trusted_server_gets_batches_over_one_connection(collector: Collector, pem: Path) -> None:
    """Both sides show the certificate and trust it, and the connection is kept."""
    tls = tls_context(settings(CERTIFICATE=pem, CLIENT_CERTIFICATE=pem, CLIENT_KEY=pem))
    with exporting(collector.url, tls=tls) as (exporter, results):
        assert [exporter.export([span()]) for _ in range(2)] == [SpanExportResult.SUCCESS] * 2
    assert len({request.peer for request in collector.received}) == 1
    assert results == [(1, "exported")] * 2


def test_unknown_server_gets_nothing(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    """Without the file only the system's authorities are trusted, and the log says what is wrong."""
    with exporting(collector.url, timeout=0.5) as (exporter, results):
        assert exporter.export([span()]) is SpanExportResult.FAILURE
    assert (collector.received, results) == ([], [(1, "connection_error")])
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text


def test_timeout_holds_over_tls(collector: Collector, pem: Path) -> None:
    """A server that hangs after the handshake is left in time."""
    collector.answers.append(Answer(hang=True))
    tls = tls_context(settings(CERTIFICATE=pem, CLIENT_CERTIFICATE=pem))
    with exporting(collector.url, tls=tls, timeout=0.5) as (exporter, results):
        assert exporter.export([span()]) is SpanExportResult.FAILURE
    assert results == [(1, "timeout")]


@pytest.mark.parametrize("option", ["CERTIFICATE", "CLIENT_CERTIFICATE"])
def test_unreadable_files_are_refused_by_name(option: str, tmp_path: Path) -> None:
    """A file that is missing, or is no PEM, shows at the start."""
    wrong = tmp_path / "wrong.pem"
    with pytest.raises(ValueError, match=r"wrong\.pem"):
        tls_context(settings(**{option: wrong}))
    wrong.write_text("no PEM")
    with pytest.raises(ValueError, match=r"wrong\.pem"):
        tls_context(settings(**{option: wrong}))
