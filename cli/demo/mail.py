"""The email that arrived, from Mailpit's API, which the inbox answers as well."""

from typing import Any

from rich.panel import Panel
from rich.text import Text

from cli.demo.waiting import get, wait_for


def email_about(mail: str, order_id: str) -> dict[str, Any]:
    """Return the email about an order, with its text."""
    address, query = f"{mail}/api/v1/search", f'"{order_id}"'
    found = wait_for(f"the email about order {order_id}", lambda: get(address, query=query)["messages"])
    message: dict[str, Any] = get(f"{mail}/api/v1/message/{found[0]['ID']}")
    return message


def panel(email: dict[str, Any]) -> Panel:
    """Return the email as it reads."""
    recipient = email["To"][0]
    text = f"To: {recipient['Name']} <{recipient['Address']}>\nMessage-ID: {email['MessageID']}\n\n"
    return Panel(Text(text + email["Text"].strip()), title=email["Subject"], title_align="left", width=100)
