"""The exporter's settings from the environment variables that OpenTelemetry defines.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/. What is set for traces
(`OTEL_EXPORTER_OTLP_TRACES_…`) wins over what is set for all signals (`OTEL_EXPORTER_OTLP_…`); what is empty
counts as not set.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

from observability.otlp.compression import Compression, parse_compression
from observability.otlp.endpoint import parse_endpoint
from observability.otlp.headers import parse_headers

_DEFAULT_ENDPOINT = "http://localhost:4318"
_DEFAULT_TIMEOUT = 10.0  # seconds
_LONGEST_TIMEOUT = 600.0  # seconds; a mistaken number of milliseconds should not pass for hours

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """Where and how spans are exported."""

    endpoint: str  # the whole URL, path included
    headers: Mapping[str, str] = field(repr=False)  # may hold secrets
    timeout: float  # seconds for an export with all its attempts
    compression: Compression
    certificate_file: str | None  # PEM, of the authorities to trust
    client_certificate_file: str | None  # PEM, for mutual TLS
    client_key_file: str | None  # PEM


def otlp_settings(environment: Mapping[str, str]) -> OtlpSettings:
    """Return the settings that these variables give, with the specification's defaults for what is not set.

    The timeout is in seconds, fractions allowed. The specification's general rule for durations says
    milliseconds, but the SDK for Python documents and reads seconds here, and a choice between its exporter
    and this one must not change what a variable means. More than 600 is refused, as most likely meant in ms.

    Raises:
        ValueError: A variable has no valid value; the message begins with its name.
    """
    _read(environment, "PROTOCOL", _protocol, None)
    no_headers: dict[str, str] = {}
    return OtlpSettings(
        endpoint=_endpoint(environment),
        headers=_read(environment, "HEADERS", parse_headers, no_headers),
        timeout=_read(environment, "TIMEOUT", _timeout, _DEFAULT_TIMEOUT),
        compression=_read(environment, "COMPRESSION", parse_compression, "none"),
        certificate_file=_read(environment, "CERTIFICATE", str, None),
        client_certificate_file=_read(environment, "CLIENT_CERTIFICATE", str, None),
        client_key_file=_read(environment, "CLIENT_KEY", str, None),
    )


def _endpoint(environment: Mapping[str, str]) -> str:
    signal, general = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
    if url := environment.get(signal, "").strip():
        return _parsed(signal, _checked_url, url)
    return _parsed(general, _traces_url, environment.get(general, "").strip() or _DEFAULT_ENDPOINT)


def _checked_url(url: str) -> str:
    parse_endpoint(url)
    return url


def _traces_url(base: str) -> str:
    parse_endpoint(base)
    parts = urlsplit(base)
    return parts._replace(path=f"{parts.path.rstrip('/')}/v1/traces").geturl()


def _timeout(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= _LONGEST_TIMEOUT:
        raise ValueError(f"expected seconds, more than 0 and at most {_LONGEST_TIMEOUT:g}, not {text}")
    return seconds


def _protocol(text: str) -> None:
    if text != "http/protobuf":
        raise ValueError(f"only http/protobuf is spoken here, not {text}")


def _read(
    environment: Mapping[str, str], option: str, parse: Callable[[str], _Value], default: _Value
) -> _Value:
    for variable in (f"OTEL_EXPORTER_OTLP_TRACES_{option}", f"OTEL_EXPORTER_OTLP_{option}"):
        if text := environment.get(variable, "").strip():
            return _parsed(variable, parse, text)
    return default


def _parsed(variable: str, parse: Callable[[str], _Value], text: str) -> _Value:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{variable}: {error}") from error
