"""From settings to an exporter's options."""

from observability.otlp.environment import OtlpSettings
from observability.otlp.exporter import OnResult, Options
from observability.otlp.tls import tls_context


def options(to: OtlpSettings, on_result: OnResult) -> Options:
    """Return an exporter's options, beside the endpoint.

    Raises:
        ValueError: A certificate or key cannot be read.
    """
    return Options(
        headers=to.headers,
        timeout=to.timeout,
        compression=to.compression,
        tls=tls_context(to) if to.endpoint.startswith("https") else None,
        on_result=on_result,
    )
