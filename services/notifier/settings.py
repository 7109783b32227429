"""Settings of the notifier."""

from typing import Literal

from email_validator import validate_email
from pydantic import EmailStr, Field, field_validator

from services.common.settings import ServiceSettings


class Settings(ServiceSettings):
    """The notifier's settings, beside those of every service."""

    http_port: int = Field(default=8002, ge=1, le=65535)
    prefetch: int = Field(default=20, ge=1, le=1000)
    """Emails that are sent at the same time."""
    smtp_host: str = "127.0.0.1"
    smtp_port: int = Field(default=1025, ge=1, le=65535)
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    smtp_username: str | None = None
    smtp_password: str | None = None
    smtp_timeout_seconds: float = Field(default=5.0, ge=0.01, le=15)
    """For submitting one email; a claim lasts twice as long, and must lapse before the last retry."""
    mail_from: EmailStr = "orders@orderscope.example"

    @field_validator("mail_from")
    @classmethod
    def _as_smtp_carries_it(cls, address: str) -> str:
        """Return the sender with its domain in ASCII, which every mail server takes."""
        return validate_email(address, check_deliverability=False).ascii_email or address
