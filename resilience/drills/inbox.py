"""Alerts as they arrive: emails to the operators, by Mailpit's API."""

from collections.abc import Callable, Iterable, Sequence

import httpx2

OPERATORS = "operators@orderscope.example"
LIMIT = 1000
Enough = Callable[[Iterable[bool]], bool]
"""`all` or `any`."""


async def ids(client: httpx2.AsyncClient, mail: str, subject: str) -> set[str]:
    """Return the ids of all emails to the operators whose subject is this one.

    Raises:
        httpx2.HTTPError: The inbox does not answer.
    """
    parameters: dict[str, str | int] = {"query": f'to:{OPERATORS} subject:"{subject}"', "limit": LIMIT}
    answer = await client.get(f"{mail}/api/v1/search", params=parameters)
    messages = answer.raise_for_status().json()["messages"]
    return {str(one["ID"]) for one in messages if one["Subject"] == subject}


async def says(client: httpx2.AsyncClient, url: str, texts: Sequence[str], enough: Enough) -> bool:
    """Return whether the email at this address contains enough of these texts.

    Raises:
        httpx2.HTTPError: The inbox does not answer.
    """
    body = (await client.get(url)).raise_for_status().json()["HTML"]
    return enough(text in body for text in texts)
