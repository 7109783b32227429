"""Waiting for something to be seen, with a deadline."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx2

T = TypeVar("T")
POLL_SECONDS = 0.1


def wait_for(what: str, look: Callable[[], T | None], *, seconds: float = 20.0) -> T:
    """Return what `look` finds, as soon as it finds something.

    Raises:
        TimeoutError: It found nothing in time; the message says what was missing.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not seen within {seconds:.0f} s")
        time.sleep(POLL_SECONDS)
    return found


def get(url: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON
    """Return a JSON document; None while there is none (404).

    Raises:
        httpx2.HTTPError: There is no answer, or it is another error.
    """
    # A proxy that the environment names cannot reach this machine's ports.
    response = httpx2.get(url, params=parameters, timeout=5, trust_env=False)
    return None if response.status_code == httpx2.codes.NOT_FOUND else response.raise_for_status().json()
