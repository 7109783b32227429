"""The headers of requests, and those that configuration adds."""

import re
from collections.abc import Mapping
from urllib.parse import unquote

from opentelemetry.sdk.version import __version__ as sdk_version

from observability.otlp.compression import Compression

CONTENT_TYPE = "application/x-protobuf"

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_BAGGAGE_VALUE = re.compile(r'[^",;\\\x00-\x1f\x7f]*')  # W3C Baggage, and blanks, which others accept too
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def parse_headers(text: str) -> dict[str, str]:
    """Return the headers of a list like `api-key=secret,tenant=a%20b`, with names in lower case.

    The format is W3C Baggage's without metadata, values percent-encoded
    (https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables).

    Raises:
        ValueError: An entry is malformed. The message gives its place, not its text, which may be a secret.
    """
    headers = {}
    for place, entry in enumerate(text.split(","), start=1):
        if not entry.strip():
            continue
        name, equals, value = (part.strip() for part in entry.partition("="))
        if not (equals and _BAGGAGE_VALUE.fullmatch(value)):
            raise ValueError(f"entry {place} is not of the form name=value, with the value percent-encoded")
        headers[name.lower()] = unquote(value, errors="strict")
    check_headers(headers)
    return headers


def request_headers(configured: Mapping[str, str], compression: Compression) -> dict[str, bytes]:
    """Return the headers of every request; what is configured cannot change what describes the body.

    Raises:
        ValueError: A configured name or value is none that a request can have.
    """
    check_headers(configured)
    agent = {"user-agent": f"orderscope-otlp-exporter opentelemetry-sdk-python/{sdk_version}"}
    body = {"content-type": CONTENT_TYPE} | ({"content-encoding": "gzip"} if compression == "gzip" else {})
    lowered = {name.lower(): value for name, value in configured.items()}
    return {name: value.encode() for name, value in (agent | lowered | body).items()}


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse what could not be, or would not stay, one header of a request.

    Raises:
        ValueError: A name is no token, or a value has control characters.
    """
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a header")
        if _CONTROL.search(value):
            raise ValueError(f"the value of header {name} has control characters")
