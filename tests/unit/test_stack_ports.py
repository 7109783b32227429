"""Ports are the customary ones where they are free, and never anybody else's."""

import socket
from dataclasses import astuple

import pytest

from stack import ports as module
from stack.errors import StackError
from stack.ports import ANY_PORTS, FREE_RANGE, Ports, free_port, reserved_ports


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - what is tested
def test_a_port_that_somebody_listens_on_is_left_to_them(host: str) -> None:
    """A server that is already there keeps its port, also one on all addresses; the stack takes another."""
    with socket.create_server((host, free_port())) as server:
        taken = server.getsockname()[1]
        with reserved_ports(Ports(redis=taken)) as ports:
            assert ports.redis != taken
            assert ports.redis in FREE_RANGE


def test_no_listener_gets_the_port_of_another() -> None:
    """Every listener has a port of its own, also those without a customary one."""
    with reserved_ports(ANY_PORTS) as ports:
        assert len(set(astuple(ports))) == len(astuple(ports))
        assert 0 not in astuple(ports)


def test_two_stacks_that_start_together_choose_different_ports() -> None:
    """The first gets the port that both wish for, and need not listen on it yet to keep it from the other.

    A stack that has gone blocks no port.
    """
    wanted = free_port()
    for _ in range(2):
        with reserved_ports(Ports(api=wanted)) as one, reserved_ports(Ports(api=wanted)) as other:
            assert one.api == wanted
            assert not set(astuple(one)) & set(astuple(other))


def test_a_connection_that_ended_a_moment_ago_does_not_count() -> None:
    """After `down` the next `up` gets the same ports, though the kernel still remembers connections."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as server, socket.create_connection(("127.0.0.1", port)):
        server.accept()[0].close()  # who closes first waits: the server's side is in TIME_WAIT
    with reserved_ports(Ports(api=port)) as ports:
        assert ports.api == port


def test_no_free_port_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search ends."""
    with socket.create_server(("127.0.0.1", free_port())) as server:
        taken = server.getsockname()[1]
        monkeypatch.setattr(module, "FREE_RANGE", range(taken, taken + 1))
        with pytest.raises(StackError, match="no free port"):
            free_port()
