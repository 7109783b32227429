"""`.env` gets what it lacks and keeps what it has."""

import hashlib
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stack.dotenv import complete, main, variables
from stack.layout import ROOT

RUN = "import runpy; runpy.run_module('stack.dotenv', run_name='__main__')"
EXAMPLE = "# who\nUSER_NAME=orders\n\n# secrets\nPASSWORD=\nTOKEN=\n"


def test_first_run_copies_the_example_and_fills_the_secrets() -> None:
    """The comments stay, plain values are copied, each empty one gets a secret of its own; twice is once."""
    made = complete(EXAMPLE, "")
    values = variables(made)
    assert made.startswith("# who\nUSER_NAME=orders\n\n# secrets\nPASSWORD=")
    assert values["PASSWORD"] != values["TOKEN"]
    assert all(re.fullmatch("[0-9a-f]{48}", values[name]) for name in ("PASSWORD", "TOKEN"))
    assert complete(EXAMPLE, made) == made


def test_existing_values_and_foreign_lines_are_kept() -> None:
    """What the owner wrote or emptied stays, a missing variable is appended, an empty secret is filled.

    One that is kept as a hash is not: a new one would not match.
    """
    made = complete(EXAMPLE, "# mine\nPASSWORD=chosen by me\nEXTRA=1\nTOKEN=''\n")
    values = variables(made)
    assert made.startswith("# mine\nPASSWORD=chosen by me\nEXTRA=1\nTOKEN=")
    assert values["USER_NAME"] == "orders"
    assert len(values["TOKEN"]) == 48
    assert variables(complete(EXAMPLE, "USER_NAME=\nPASSWORD=a\nTOKEN=b\n"))["USER_NAME"] == ""
    assert variables(complete("KEY=\nKEY_SHA256=\n", "KEY_SHA256=abc\n")) == {"KEY": "", "KEY_SHA256": "abc"}


def test_a_hash_is_made_of_its_secret() -> None:
    """`X_SHA256` follows from `X`, the new one or the owner's, and is not touched again."""
    example = "KEY_SHA256=\nKEY=\n"
    for current in ("", "KEY=mine\n"):
        values = variables(complete(example, current))
        assert values["KEY_SHA256"] == hashlib.sha256(values["KEY"].encode()).hexdigest()
    values = variables(complete(example, "KEY=new\nKEY_SHA256=old\n"))
    assert values == {"KEY": "new", "KEY_SHA256": "old"}


def test_file_is_private_and_no_secret_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the owner can read `.env`, also when it was open before, and the output names variables alone."""
    (tmp_path / ".env.example").write_text(EXAMPLE, encoding="utf-8")
    (tmp_path / ".env").write_text("USER_NAME=me\n", encoding="utf-8")
    (tmp_path / ".env").chmod(0o644)
    assert main(tmp_path) == 0
    made = (tmp_path / ".env").read_text(encoding="utf-8")
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert capsys.readouterr().out == ".env: added PASSWORD, TOKEN\n"
    assert main(tmp_path) == 0
    assert capsys.readouterr().out == ".env: complete\n"
    assert (tmp_path / ".env").read_text(encoding="utf-8") == made
    assert {path.name for path in tmp_path.iterdir()} == {".env", ".env.example"}


def test_runs_on_the_standard_library_alone(tmp_path: Path) -> None:
    """`make up` calls it with the system's Python: no venv, no site-packages."""
    (tmp_path / ".env.example").write_text(EXAMPLE, encoding="utf-8")
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = [{str(ROOT)!r}]; {RUN}"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)  # noqa: S603
    assert done.stdout == ".env: added PASSWORD, TOKEN, USER_NAME\n"
