"""Email addresses beside pydantic's own type: the same are taken, in the same form, and refused alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import EmailStr, TypeAdapter, ValidationError

from services.api.addresses import EmailAddress

OURS: TypeAdapter[str] = TypeAdapter(EmailAddress)
THEIRS: TypeAdapter[str] = TypeAdapter(EmailStr)
ADDRESSES = [
    "ada@example.com",
    "Ada@Example.COM",
    "ada.l+news@mail.example.com",
    "POSTMASTER@example.com",
    "postmaster@example.com",
    "ada@xn--mnchen-3ya.de",
    "ada@münchen.de",
    "ada@example.com ",
    " ada@example.com",
    "ada@localhost",
    "ada@example",
    "ada@",
    "@example.com",
    "ada",
    "ada@@example.com",
    "ada@example.com@example.com",
    "a..b@example.com",
    "ada@-example.com",
    "ada@[127.0.0.1]",
    "ada@test",
    "Ada <ada@example.com>",
    "ada@example.com\n",
    "ada@exa\nmple.com",
    "ada@example.com>",
    "a" * 64 + "@example.com",
    "a" * 65 + "@example.com",
    "ada@" + "a." * 124 + "de",
    "ada@" + "a." * 126 + "de",
    "ada@" + "a" * 64 + ".com",
]
PARTS = st.text("abzAZ09._+-@ <>\n\xe4", max_size=12) | st.sampled_from(["example.com", "Example.de", "ada"])


def verdict(adapter: TypeAdapter[str], text: str) -> str:
    """Return the address, or what is wrong with it."""
    try:
        return adapter.validate_python(text)
    except ValidationError as error:
        return str(error.errors(include_url=False))


@pytest.mark.parametrize("text", ADDRESSES)
def test_addresses_are_judged_as_by_pydantic(text: str) -> None:
    """Twice: the second time a domain is known."""
    assert [verdict(OURS, text), verdict(OURS, text)] == [verdict(THEIRS, text)] * 2


@given(PARTS, PARTS)
def test_any_text_is_judged_alike(local: str, domain: str) -> None:
    """Whatever a client sends as an address."""
    text = f"{local}@{domain}"
    assert verdict(OURS, text) == verdict(THEIRS, text)


def test_the_schema_is_the_same() -> None:
    """Clients read the same in the document as well."""
    assert OURS.json_schema() == THEIRS.json_schema()
