"""API keys: whose request it is. `python -m services.api.keys NAME` makes one."""

import argparse
import hashlib
import hmac
import json
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CLIENT_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
KEY_BYTES = 32
USAGE = """Print a new API key and its entry for API_KEYS. The key is shown once and kept nowhere: give it to
the client, which sends it as X-API-Key. The entry holds only its hash; add it to the JSON object in API_KEYS
and start the api again."""


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """The keys that are known, as the SHA-256 of each in hex by its client's name.

    A plain hash is right here, where it would be wrong for a password: a key is made of 256 random bits (192
    in `.env`), which cannot be guessed, however fast hashes can be tried.
    """

    hashes: Mapping[str, str]
    required: bool

    def client(self, key: str | None) -> str | None:
        """Return the name of a key's client, if it is known."""
        if key is None:
            return None
        # Headers are read as Latin-1; encoded so, they are the bytes that were sent.
        digest = key_hash(key.encode("latin-1"))
        # All are compared, so that the time does not depend on which one is near.
        names = [name for name, known in self.hashes.items() if hmac.compare_digest(digest, known)]
        return names[0] if names else None

    def need_client(self, key: str | None) -> bool:
        """Return whether a request has to be a known client's; where there are keys, none may be wrong."""
        return self.required or (key is not None and bool(self.hashes))


def key_hash(key: bytes) -> str:
    """Return what is kept of a key."""
    return hashlib.sha256(key).hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a new key and its entry."""
    parser = argparse.ArgumentParser(prog="python -m services.api.keys", description=USAGE)
    allowed = "1 to 64 letters, digits, '.', '_' or '-'"
    parser.add_argument("name", metavar="NAME", help=f"the client, as operators see it: {allowed}")
    name = parser.parse_args(arguments).name
    if not re.fullmatch(CLIENT_NAME, name):
        parser.error(f"a client's name has {allowed}")
    key = secrets.token_urlsafe(KEY_BYTES)
    entry = json.dumps({name: key_hash(key.encode())})
    sys.stdout.write(f"X-API-Key: {key}\nAPI_KEYS={entry}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
