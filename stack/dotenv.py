"""`python3 -m stack.dotenv` makes `.env` from `.env.example` and fills in random secrets.

A variable that the example leaves empty is a secret; `X_SHA256` is the hash of the secret `X`, for the
service that recognises the secret without knowing it: with a hash given, `X` may stay empty. Values that
`.env` already has are never changed, so it can run before every start. It needs nothing but the standard
library: `make up` works without the venv.
"""

import hashlib
import secrets
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from stack.layout import ROOT

SECRET_BYTES = 24
HASH = "_SHA256"


def main(directory: Path = Path()) -> int:
    """Complete `directory/.env`, readable by its owner only; say what was added, never a value."""
    path = (directory / ".env").resolve()
    current = path.read_text(encoding="utf-8") if path.exists() else ""
    text = complete((directory / ".env.example").read_text(encoding="utf-8"), current)
    added = sorted(name for name, value in variables(text).items() if variables(current).get(name) != value)
    _write(path, text)
    sys.stdout.write(f".env: added {', '.join(added)}\n" if added else ".env: complete\n")
    return 0


def complete(example: str, current: str) -> str:
    """Return `current` with what it lacks of `example`, and with every empty secret filled in."""
    wanted, have = variables(example), variables(current)
    missing = [f"{name}={value}" for name, value in wanted.items() if name not in have]
    lines = [*current.splitlines(), *missing] if current.strip() else example.splitlines()
    empty = {name for name, value in wanted.items() if not value and not have.get(name)}
    kept_as_hash = {name for name in empty if have.get(name + HASH)}
    made = {name: secrets.token_hex(SECRET_BYTES) for name in empty - kept_as_hash if not name.endswith(HASH)}
    known = {**have, **made}
    hashed = {name: known[name.removesuffix(HASH)].encode() for name in empty if name.endswith(HASH)}
    hashes = {name: hashlib.sha256(secret).hexdigest() for name, secret in hashed.items()}
    return "".join(f"{_filled(line, made | hashes)}\n" for line in lines)


def variables(text: str) -> dict[str, str]:
    """Return the variables that `text` sets, without the quotes around a value."""
    lines = (line.partition("=") for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, equals, value in lines if equals}


def written(name: str) -> str:
    """Return what the repository's `.env` sets a variable to; empty when it does not."""
    file = ROOT / ".env"
    return variables(file.read_text(encoding="utf-8")).get(name, "") if file.exists() else ""


def _filled(line: str, values: Mapping[str, str]) -> str:
    """Return `line` with its value when it sets one of these; all are hex: no quoting in a URL."""
    name = next(iter(variables(line)), "")
    return f"{name}={values[name]}" if name in values else line


def _write(path: Path, text: str) -> None:
    """Replace `path` in one step: a reader sees the old file or the new one."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=".env.", delete=False, encoding="utf-8"
    ) as new:
        new.write(text)
    Path(new.name).replace(path)  # made with mode 0600


if __name__ == "__main__":
    sys.exit(main())
