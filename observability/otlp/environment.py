"""The exporter's settings from the environment variables that OpenTelemetry defines.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/. What is set for one signal
(`OTEL_EXPORTER_OTLP_TRACES_…`, `…_LOGS_…`) wins over what is set for all (`OTEL_EXPORTER_OTLP_…`); what is
empty counts as not set.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

from observability.otlp.compression import Compression, parse_compression
from observability.otlp.endpoint import parse_endpoint
from observability.otlp.headers import parse_headers

_DEFAULT_ENDPOINT = "http://localhost:4318"
_DEFAULT_TIMEOUT = 10.0  # seconds
_LONGEST_TIMEOUT = 600.0  # seconds; a mistaken number of milliseconds should not pass for hours

Signal: TypeAlias = Literal["traces", "logs"]
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """Where and how a signal is exported."""

    endpoint: str  # the whole URL, path included
    headers: Mapping[str, str] = field(repr=False)  # may hold secrets
    timeout: float  # seconds for an export with all its attempts
    compression: Compression
    certificate_file: str | None  # PEM, of the authorities to trust
    client_certificate_file: str | None  # PEM, for mutual TLS
    client_key_file: str | None  # PEM


def otlp_settings(environment: Mapping[str, str], signal: Signal = "traces") -> OtlpSettings:
    """Return the settings that these variables give, with the specification's defaults for what is not set.

    The timeout is in seconds, fractions allowed. The specification's general rule for durations says
    milliseconds, but the SDK for Python documents and reads seconds here, and a choice between its exporter
    and this one must not change what a variable means. More than 600 is refused, as most likely meant in ms.

    Raises:
        ValueError: A variable has no valid value; the message begins with its name.
    """
    source = _Source(environment, signal)
    source.read("PROTOCOL", _protocol, None)
    no_headers: dict[str, str] = {}
    return OtlpSettings(
        endpoint=source.endpoint(),
        headers=source.read("HEADERS", parse_headers, no_headers),
        timeout=source.read("TIMEOUT", _timeout, _DEFAULT_TIMEOUT),
        compression=source.read("COMPRESSION", parse_compression, "none"),
        certificate_file=source.read("CERTIFICATE", str, None),
        client_certificate_file=source.read("CLIENT_CERTIFICATE", str, None),
        client_key_file=source.read("CLIENT_KEY", str, None),
    )


@dataclass(frozen=True, slots=True)
class _Source:
    environment: Mapping[str, str]
    signal: Signal

    def endpoint(self) -> str:
        own, general = (f"{prefix}ENDPOINT" for prefix in self._prefixes())
        if url := self._text(own):
            return _parsed(own, _checked_url, url)
        return _parsed(general, self._signal_url, self._text(general) or _DEFAULT_ENDPOINT)

    def read(self, option: str, parse: Callable[[str], _Value], default: _Value) -> _Value:
        for prefix in self._prefixes():
            if text := self._text(f"{prefix}{option}"):
                return _parsed(f"{prefix}{option}", parse, text)
        return default

    def _prefixes(self) -> tuple[str, str]:
        return f"OTEL_EXPORTER_OTLP_{self.signal.upper()}_", "OTEL_EXPORTER_OTLP_"

    def _text(self, variable: str) -> str:
        return self.environment.get(variable, "").strip()

    def _signal_url(self, base: str) -> str:
        parts = urlsplit(_checked_url(base))
        return parts._replace(path=f"{parts.path.rstrip('/')}/v1/{self.signal}").geturl()


def _checked_url(url: str) -> str:
    parse_endpoint(url)
    return url


def _timeout(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= _LONGEST_TIMEOUT:
        raise ValueError(f"expected seconds, more than 0 and at most {_LONGEST_TIMEOUT:g}, not {text}")
    return seconds


def _protocol(text: str) -> None:
    if text != "http/protobuf":
        raise ValueError(f"only http/protobuf is spoken here, not {text}")


def _parsed(variable: str, parse: Callable[[str], _Value], text: str) -> _Value:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{variable}: {error}") from error
