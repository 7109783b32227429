"""Settings from the variables that OpenTelemetry defines."""

import pytest

from observability.otlp.environment import OtlpSettings, otlp_settings

GENERAL, TRACES = "OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"
LOGS = "OTEL_EXPORTER_OTLP_LOGS_"
DEFAULTS = OtlpSettings(
    endpoint="http://localhost:4318/v1/traces",
    headers={},
    timeout=10.0,
    compression="none",
    certificate_file=None,
    client_certificate_file=None,
    client_key_file=None,
)


@pytest.mark.parametrize("environment", [{}, {GENERAL + "ENDPOINT": "", TRACES + "TIMEOUT": " "}])
def test_defaults_are_the_specification_s(environment: dict[str, str]) -> None:
    """What is empty counts as not set."""
    assert otlp_settings(environment) == DEFAULTS


@pytest.mark.parametrize(
    ("base", "endpoint"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        ("https://otlp.example.org/ingest/", "https://otlp.example.org/ingest/v1/traces"),
        ("http://[::1]:4318?tenant=a", "http://[::1]:4318/v1/traces?tenant=a"),
    ],
)
def test_general_endpoint_gets_the_path_of_traces(base: str, endpoint: str) -> None:
    """The path of the signal is appended, without a double slash."""
    assert otlp_settings({GENERAL + "ENDPOINT": base}).endpoint == endpoint


@pytest.mark.parametrize("url", ["http://collector:4318", "https://collector/own/path", "http://c/?key=v"])
def test_endpoint_for_traces_is_used_as_it_is(url: str) -> None:
    """It wins over the general one, and nothing is appended."""
    assert otlp_settings({TRACES + "ENDPOINT": url, GENERAL + "ENDPOINT": "http://other"}).endpoint == url


def test_what_is_set_for_traces_wins() -> None:
    """Each option by itself: one for traces does not hide the others for all signals."""
    settings = otlp_settings(
        {
            GENERAL + "TIMEOUT": "5",
            TRACES + "TIMEOUT": "2.5",
            GENERAL + "COMPRESSION": "GZIP",
            GENERAL + "HEADERS": "a=1",
            TRACES + "HEADERS": "b=2",
            GENERAL + "CERTIFICATE": "/ca.pem",
            GENERAL + "CLIENT_CERTIFICATE": "/client.pem",
            TRACES + "CLIENT_KEY": "/key.pem",
            GENERAL + "PROTOCOL": "grpc",
            TRACES + "PROTOCOL": "http/protobuf",
        }
    )
    assert (settings.timeout, settings.compression, settings.headers) == (2.5, "gzip", {"b": "2"})
    assert settings.certificate_file == "/ca.pem"
    assert (settings.client_certificate_file, settings.client_key_file) == ("/client.pem", "/key.pem")


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("Authorization=Basic%20dTpw==", {"authorization": "Basic dTpw=="}),
        ("authorization=Bearer abc", {"authorization": "Bearer abc"}),
        (" a = 1 , b=%C3%BC ,, ", {"a": "1", "b": "ü"}),
        ("a=", {"a": ""}),
        ("a=1,A=2", {"a": "2"}),
    ],
)
def test_headers_are_percent_encoded_pairs(text: str, headers: dict[str, str]) -> None:
    """Baggage's format; blanks in values are let through, as other SDKs do."""
    assert otlp_settings({GENERAL + "HEADERS": text}).headers == headers


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("ENDPOINT", "collector:4318"),
        ("ENDPOINT", "http://"),
        ("ENDPOINT", "grpc://collector:4317"),
        ("ENDPOINT", "http://collector:99999"),
        ("ENDPOINT", "http://user:secret@collector"),
        ("ENDPOINT", "http://user:secret"),
        ("ENDPOINT", "http://collector/a secret"),
        ("ENDPOINT", "http://[secret"),
        ("TIMEOUT", "soon"),
        ("TIMEOUT", "0"),
        ("TIMEOUT", "-1"),
        ("TIMEOUT", "nan"),
        ("TIMEOUT", "10000"),
        ("COMPRESSION", "zstd"),
        ("PROTOCOL", "grpc"),
        ("HEADERS", "secret"),
        ("HEADERS", "a=1,=secret"),
        ("HEADERS", "a b=secret"),
        ("HEADERS", "a=secret;meta=1"),
        ("HEADERS", "a=secret%0d%0ab:c"),
        ("HEADERS", "a=secret%ff"),
    ],
)
@pytest.mark.parametrize("prefix", [GENERAL, TRACES])
def test_bad_values_name_their_variable_and_keep_secrets(prefix: str, option: str, value: str) -> None:
    """The message says which variable to look at, and does not repeat what may be a credential."""
    with pytest.raises(ValueError, match=f"^{prefix}{option}: ") as caught:
        otlp_settings({prefix + option: value})
    assert "secret" not in str(caught.value)


def test_each_signal_has_its_own_path_and_variables() -> None:
    """What is set for traces says nothing of logs; what is set for all goes for both."""
    environment = {
        GENERAL + "ENDPOINT": "http://collector:4318",
        GENERAL + "HEADERS": "a=1",
        TRACES + "TIMEOUT": "1",
        LOGS + "TIMEOUT": "2",
    }
    traces, logs = otlp_settings(environment, "traces"), otlp_settings(environment, "logs")
    assert (traces.endpoint, logs.endpoint) == (
        "http://collector:4318/v1/traces",
        "http://collector:4318/v1/logs",
    )
    assert (traces.timeout, logs.timeout, logs.headers) == (1.0, 2.0, {"a": "1"})
    loki = otlp_settings({**environment, LOGS + "ENDPOINT": "http://loki:3100/otlp/v1/logs"}, "logs")
    assert loki.endpoint == "http://loki:3100/otlp/v1/logs"


def test_settings_do_not_show_their_headers() -> None:
    """A header is where the key to the backend is."""
    assert "hush" not in repr(otlp_settings({GENERAL + "HEADERS": "api-key=hush"}))
