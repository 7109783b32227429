"""Alerts as they arrive: emails to the operators, by Mailpit's API."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import httpx2

OPERATORS = "operators@orderscope.example"
LIMIT = "50"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An email to wait for."""

    subject: str
    about: tuple[str, ...]
    """What its text has in it: all of it, or any."""
    enough: Callable[[Iterable[bool]], bool] = all


async def arrived(client: httpx2.AsyncClient, mail: str, wanted: Wanted, known: set[str]) -> str | None:
    """Return the id of an email that is wanted and not among those known, if an inbox has one."""
    query = f'to:{OPERATORS} subject:"{wanted.subject}"'
    answer = await client.get(f"{mail}/api/v1/search", params={"query": query, "limit": LIMIT})
    answer.raise_for_status()
    for one in answer.json()["messages"]:
        if one["ID"] in known or one["Subject"] != wanted.subject:
            continue
        text = (await client.get(f"{mail}/api/v1/message/{one['ID']}")).json()
        if wanted.enough(about in text["HTML"] for about in wanted.about):
            return str(one["ID"])
    return None


async def ids(client: httpx2.AsyncClient, mail: str, alert: str) -> set[str]:
    """Return the ids of all emails about an alert that are there."""
    query = f"to:{OPERATORS} subject:{alert}"
    answer = await client.get(f"{mail}/api/v1/search", params={"query": query, "limit": "1000"})
    answer.raise_for_status()
    return {one["ID"] for one in answer.json()["messages"]}
