"""The exporter's settings, from the environment variables that OpenTelemetry defines.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/. A signal's own variable
(`OTEL_EXPORTER_OTLP_TRACES_…`, `…_LOGS_…`) wins over the general one; an empty one counts as not set.
"""

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, FilePath, ValidationError


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not text.isprintable():
        raise ValueError("expected a URL like http://host:4318")
    if parts.username is not None or parts.query:
        raise ValueError("expected a URL without credentials (HEADERS is for them) and without a query")
    return text


def _headers(text: str) -> dict[str, str]:
    headers = {}
    for place, entry in enumerate(filter(None, text.split(",")), start=1):
        name, equals, value = (part.strip() for part in entry.partition("="))
        headers[name.lower()] = unquote(value)
        if not (name and equals and f"{name}{unquote(value)}".isascii() and unquote(value).isprintable()):
            raise ValueError(f"entry {place} is not of the form name=value, with the value percent-encoded")
    return headers


class OtlpSettings(BaseModel):
    """Where and how a signal is exported."""

    endpoint: Annotated[str, AfterValidator(_url)] = "http://localhost:4318"
    headers: Annotated[dict[str, str], BeforeValidator(_headers)] = Field(default={}, repr=False)
    timeout: float = Field(default=10, gt=0, le=600)
    """Seconds for one attempt, as opentelemetry-python reads it; more were meant as milliseconds."""
    compression: Literal["none", "gzip"] = "none"
    certificate: FilePath | None = None
    client_certificate: FilePath | None = None
    client_key: FilePath | None = None
    protocol: Literal["http/json", "http/protobuf"] = "http/json"
    """Who receives one takes the other; what is sent is JSON."""


def otlp_settings(environment: Mapping[str, str], signal: Literal["traces", "logs"]) -> OtlpSettings:
    """Return what these variables say, with the specification's defaults for the rest.

    Raises:
        ValueError: A variable has no valid value; the message begins with its name, and repeats no value.
    """
    found, names = dict[str, str](), dict[str, str]()
    general, own = "OTEL_EXPORTER_OTLP_", f"OTEL_EXPORTER_OTLP_{signal.upper()}_"
    for prefix in (general, own):
        for option in OtlpSettings.model_fields:
            if text := environment.get(prefix + option.upper(), "").strip():
                found[option], names[option] = text, prefix + option.upper()
    try:
        settings = OtlpSettings.model_validate(found)
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        raise ValueError(f"{names[str(problem['loc'][0])]}: {problem['msg']}") from None
    if names.get("endpoint", "").startswith(own):
        return settings
    return settings.model_copy(update={"endpoint": f"{settings.endpoint.rstrip('/')}/v1/{signal}"})
