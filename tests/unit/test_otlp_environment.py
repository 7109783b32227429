"""The exporter's settings from the variables that OpenTelemetry defines."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from observability.settings import OtlpSettings, TelemetrySettings

GENERAL, TRACES, LOGS = "OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_LOGS_"


@pytest.fixture(name="environment")
def environment_fixture(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Return what sets variables, of which none is left from outside."""
    for prefix in (GENERAL, TRACES, LOGS):
        for option in OtlpSettings.model_fields:
            monkeypatch.delenv(prefix + option.upper(), raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("variables", "endpoint"),
    [
        ({GENERAL: ""}, "http://localhost:4318/v1/traces"),
        ({GENERAL: "http://collector:4318"}, "http://collector:4318/v1/traces"),
        ({GENERAL: "https://otlp.example.org/ingest/"}, "https://otlp.example.org/ingest/v1/traces"),
        ({GENERAL: "http://[::1]:4318"}, "http://[::1]:4318/v1/traces"),
        ({TRACES: "http://c:4318", GENERAL: "http://other"}, "http://c:4318"),
        ({TRACES: "https://collector/own/path"}, "https://collector/own/path"),
        ({LOGS: "http://loki:3100/otlp/v1/logs"}, "http://localhost:4318/v1/traces"),
    ],
)
def test_the_general_endpoint_gets_the_signals_path(
    environment: pytest.MonkeyPatch, variables: dict[str, str], endpoint: str
) -> None:
    """The signal's own wins and is used as it is; another signal's says nothing."""
    for prefix, url in variables.items():
        environment.setenv(f"{prefix}ENDPOINT", url)
    assert TelemetrySettings().otlp("traces").endpoint == endpoint


def test_what_is_set_for_a_signal_wins(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each option by itself: one for traces does not hide the others for all signals."""
    pem = tmp_path / "a.pem"
    pem.touch()
    general = {"TIMEOUT": "5", "COMPRESSION": "gzip", "HEADERS": "a=1", "PROTOCOL": "http/protobuf"}
    general |= {"CERTIFICATE": str(pem), "CLIENT_CERTIFICATE": str(pem)}
    own = {"TIMEOUT": "2.5", "HEADERS": "b=2", "CLIENT_KEY": str(pem)}
    for prefix, given in ((GENERAL, general), (TRACES, own)):
        for name, value in given.items():
            environment.setenv(prefix + name, value)
    traces, logs = TelemetrySettings().otlp("traces"), TelemetrySettings().otlp("logs")
    assert (traces.timeout, traces.compression, traces.headers) == (2.5, "gzip", {"b": "2"})
    assert (logs.timeout, logs.compression, logs.headers) == (5, "gzip", {"a": "1"})
    assert (traces.certificate, traces.client_certificate, traces.client_key) == (pem, pem, pem)
    assert logs.client_key is None


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("Authorization=Basic%20dTpw==", {"authorization": "Basic dTpw=="}),
        ("authorization=Bearer abc", {"authorization": "Bearer abc"}),
        (" a = 1 , b=x%2Cy ", {"a": "1", "b": "x,y"}),
        ("a=", {"a": ""}),
        ("a=1,A=2", {"a": "2"}),
    ],
)
def test_headers_are_percent_encoded_pairs(
    environment: pytest.MonkeyPatch, text: str, headers: dict[str, str]
) -> None:
    """Baggage's format; blanks in values are let through, as other SDKs do; a repr does not show them."""
    environment.setenv(GENERAL + "HEADERS", text)
    settings = TelemetrySettings()
    assert settings.otlp("traces").headers == headers
    assert str(headers) not in repr(settings)


ENDPOINTS = ("collector:4318", "http://", "grpc://c:4317", "http://user:secret@c", "http://c?key=secret")
BAD = {
    "ENDPOINT": ENDPOINTS,
    "TIMEOUT": ("soon", "0", "nan", "10000"),
    "COMPRESSION": ("zstd",),
    "PROTOCOL": ("grpc",),
    "CERTIFICATE": ("/no/such/secret",),
    "HEADERS": ("secret", "a=1,=secret", "a=secret%0d%0ab:c", "a=secret%ff"),
}
SWITCHES = {
    "TELEMETRY": "maybe",
    "TRACE_ASYNC": "sibling",
    "LOG_LEVEL": "LOUD",
    "OTEL_BLRP_SCHEDULE_DELAY": "-1",
}
SWITCHES |= {
    "OTEL_TRACES_EXPORTER": "zipkin",
    "OTEL_LOGS_EXPORTER": "console",
    "OTEL_BSP_MAX_QUEUE_SIZE": "no",
    "OTEL_BSP_SCHEDULE_DELAY": "inf",
    "OTEL_BLRP_MAX_QUEUE_SIZE": "9" * 24,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(f"{prefix}{name}", bad) for prefix in (GENERAL, TRACES) for name in BAD for bad in BAD[name]]
    + list(SWITCHES.items()),
)
def test_bad_values_name_their_variable_and_keep_secrets(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """The message says which variable to look at, and does not repeat what may be a credential."""
    environment.setenv(name, value)
    with pytest.raises(ValidationError) as caught:
        TelemetrySettings()
    assert name.lower() in str(caught.value).replace(".", "_")
    assert "secret" not in str(caught.value)
