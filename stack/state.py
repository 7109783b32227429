"""`stack.json`: what was started, so that another process can find it, stop it, or start it again."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from stack.errors import StackError
from stack.layout import Layout, write_json
from stack.ports import Ports
from stack.processes import Process, alive


@dataclass(frozen=True, slots=True)
class State:
    """A stack that was started; its processes may have ended since."""

    ports: Ports
    processes: tuple[Process, ...]

    def running(self) -> list[Process]:
        """Return the processes that still run."""
        return [process for process in self.processes if alive(process)]


def save(layout: Layout, ports: Ports, processes: Iterable[Process]) -> None:
    """Write down what runs."""
    document = {"ports": asdict(ports), "processes": [asdict(process) for process in processes]}
    write_json(layout.state, document)


def load(layout: Layout) -> State | None:
    """Return what was started; None when nothing was.

    Raises:
        StackError: The file is not ours, or of another version.
    """
    try:
        document = json.loads(layout.state.read_text(encoding="utf-8"))
        processes = tuple(Process(**process) for process in document["processes"])
        return State(Ports(**document["ports"]), processes)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise StackError(
            f"{layout.state} cannot be understood ({error!r}); end what runs and remove it"
        ) from error


def forget(layout: Layout) -> None:
    """Remove what says that a stack runs."""
    layout.state.unlink(missing_ok=True)
    layout.endpoints.unlink(missing_ok=True)
