"""The email that arrived, from whatever answers Mailpit's API."""

from typing import Any

import httpx2
from rich.panel import Panel
from rich.text import Text

from cli.demo.waiting import wait_for


def email_about(mail: str, order_id: str) -> dict[str, Any]:
    """Return the email about an order, with its text."""

    def look() -> dict[str, Any] | None:
        found = httpx2.get(
            f"{mail}/api/v1/search", params={"query": f'"{order_id}"'}, timeout=5, trust_env=False
        ).json()
        if not found["messages"]:
            return None
        identifier = found["messages"][0]["ID"]
        message: dict[str, Any] = httpx2.get(
            f"{mail}/api/v1/message/{identifier}", timeout=5, trust_env=False
        ).json()
        return message

    return wait_for(f"the email about order {order_id}", look)


def panel(email: dict[str, Any]) -> Panel:
    """Return the email as it reads."""
    recipient = email["To"][0]
    text = f"To: {recipient['Name']} <{recipient['Address']}>\nMessage-ID: {email['MessageID']}\n\n"
    return Panel(Text(text + email["Text"].strip()), title=email["Subject"], title_align="left", width=100)
