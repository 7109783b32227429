"""TLS for exporting over https."""

import ssl

from observability.otlp.environment import OtlpSettings


def tls_context(settings: OtlpSettings) -> ssl.SSLContext:
    """Return a context that trusts the configured or else the system's authorities, with the client's key.

    Raises:
        ValueError: A file cannot be read or is no PEM of its kind.
    """
    try:
        context = ssl.create_default_context(cafile=settings.certificate_file)
        if settings.client_certificate_file:
            context.load_cert_chain(settings.client_certificate_file, settings.client_key_file)
    except OSError as error:
        files = (settings.certificate_file, settings.client_certificate_file, settings.client_key_file)
        named = ", ".join(file for file in files if file)
        raise ValueError(f"cannot load the exporter's certificates ({named}): {error}") from error
    return context
