"""What is to be run, as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Probe = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Spec:
    """How to run a component, and when it is ready. Times in seconds."""

    name: str
    command: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str]
    """The complete environment of the process."""
    ready: Probe
    """Asks the component whether it does its work; quick, and false rather than an error."""
    ports: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[Path, str] = field(default_factory=dict)
    """Configuration to write before each start."""
    secrets: tuple[Path, ...] = ()
    """Files that hold a random secret of this machine: made once, readable by the owner only."""
    after: tuple[str, ...] = ()
    """Components that must be ready before this one can start."""
    start_timeout: float = 60.0
    stop_timeout: float = 10.0
    """How long it may take to end after SIGTERM."""
