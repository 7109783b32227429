"""Where things are: in the repository, and in a run directory."""

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "stack" / "config"
DEFAULT_RUN_DIR = ROOT / ".run"
PRIVATE = 0o700


class Layout:
    """The files of one running stack."""

    def __init__(self, run_dir: Path) -> None:
        """Take the run directory, an absolute path."""
        self.run_dir = run_dir
        self.state = run_dir / "stack.json"
        """What was started, on which ports."""
        self.lock = run_dir / "stack.lock"
        """Held by the command that changes something."""
        self.endpoints = run_dir / "endpoints.json"
        """The addresses, for programs that use the stack."""
        self.logs = run_dir / "logs"
        """One file a component."""

    def log(self, name: str) -> Path:
        """Return the log of a component."""
        return self.logs / f"{name}.log"

    def data(self, name: str) -> Path:
        """Return the folder in which a component keeps what it must not forget."""
        return self.run_dir / "data" / name


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step: a reader sees the old text or the new one, never half of it."""
    path.parent.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def write_json(path: Path, document: object) -> None:
    """Write a document for programs; a reader sees all of it or nothing."""
    write_atomically(path, json.dumps(document, indent=1) + "\n")


def make_secret(path: Path) -> None:
    """Write a random secret that only its owner can read, unless there is one."""
    path.parent.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    with (
        suppress(FileExistsError),
        os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as file,
    ):
        file.write(secrets.token_hex(20))
