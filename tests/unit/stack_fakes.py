"""Small programs that stand in for servers."""

import io
import os
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

from stack.layout import Layout
from stack.spec import Probe, Spec

SERVER = """
    import http.server, sys
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
        def log_message(self, *_): pass
    print("listening", flush=True)
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
SLEEPER = "import time; print('here', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN); " + SLEEPER


def program(
    directory: Path, code: str, *arguments: str, name: str = "fake", ready: Probe = lambda: True
) -> Spec:
    """Return how to run Python code as a component."""
    return Spec(
        name=name,
        command=(sys.executable, "-c", textwrap.dedent(code), *arguments),
        cwd=directory / "data" / name,
        environment=dict(os.environ),
        ready=ready,
        start_timeout=10,
        stop_timeout=5,
    )


class Terminal(io.StringIO):
    """A stream at which somebody types or looks."""

    def isatty(self) -> bool:
        """Say that it is a terminal."""
        return True


def executable(path: Path, script: str) -> Path:
    """Write a shell script that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{textwrap.dedent(script)}", encoding="utf-8")
    path.chmod(0o755)
    return path


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; give up after 10 s."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def log(run_dir: Path, name: str = "fake") -> str:
    """Return what a component has written so far."""
    return Layout(run_dir).log(name).read_text()


def until_it_says(run_dir: Path, text: str, name: str = "fake") -> None:
    """Wait until a component has written something."""
    until(lambda: text in log(run_dir, name))
