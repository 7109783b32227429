"""Nothing secret or personal leaves in a log line."""

import pytest

from observability.redaction import MAX_LENGTH, REDACTED, redact, redact_text

SECRET_NAMES = (
    "password smtp_password PASSWORD client_secret operator_token token authorization api_key cookie"
)
MORE_NAMES = "set_cookie email customer_email recipient"


@pytest.mark.parametrize("name", f"{SECRET_NAMES} {MORE_NAMES}".split())
@pytest.mark.parametrize("value", ["hunter2", 7, ["hunter2"], {"a": "hunter2"}, None])
def test_telling_names_are_redacted_whatever_they_hold(name: str, value: object) -> None:
    """The value of such a name is never shown, on the top or inside other values."""
    assert redact({name: value})[name] == REDACTED
    assert redact({"order": [{name: value}]}) == {"order": [{name: REDACTED}]}


@pytest.mark.parametrize(
    "name", ["event", "order_id", "tokens", "secretary", "emailed_at", "passwords_checked"]
)
def test_other_names_are_shown(name: str) -> None:
    """A name that only contains such a word is not one."""
    event = {name: "shown", "n": 7, "f": 1.5, "b": True}
    assert redact(event) == event


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x" * MAX_LENGTH, "x" * MAX_LENGTH),
        ("x" * (MAX_LENGTH + 1), "x" * MAX_LENGTH + "…"),
        ("mail to ada@example.com failed", f"mail to {REDACTED} failed"),
        ('to "Ada L"@example.com: no', f"to {REDACTED}: no"),
        ("<ada.l+x@mail.example.co.uk>, 'eve@x.org'", f"<{REDACTED}>, '{REDACTED}'"),
        ("amqp://shop:hunter2@mq.internal:5672/", f"amqp:{REDACTED}:5672/"),
        ("redis://:hunter2@redis:6379/0", f"redis:{REDACTED}:6379/0"),
        ("rediss://default:p%40ss@redis/0", f"rediss:{REDACTED}/0"),
        ("5 items @ 3 EUR", "5 items @ 3 EUR"),
        ("http://127.0.0.1:4318/v1/traces", "http://127.0.0.1:4318/v1/traces"),
    ],
)
def test_texts_lose_emails_and_credentials(text: str, shown: str) -> None:
    """Addresses and the credentials of URLs, wherever they stand; the rest stays readable."""
    assert redact_text(text) == shown


@pytest.mark.parametrize("before", range(0, 40, 3))
@pytest.mark.parametrize("secret", ["amqp://shop:hunter2@mq/", "redis://:hunter2@r/", "hunter2@x.org"])
def test_cutting_reveals_nothing(before: int, secret: str) -> None:
    """Wherever a long text is cut, no half of a secret is left."""
    shown = redact_text("x" * (MAX_LENGTH - before) + " " + secret + "y" * 100)
    assert "hunter" not in shown
    assert len(shown) <= MAX_LENGTH + 1
