"""RabbitMQ: a node of its own beside any other, run by the current user.

Debian's `rabbitmq-server` on the PATH changes the user and uses the system's configuration, data and port
mapper. The script behind it takes all of that from the environment (rabbitmq.com/docs/relocate).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack import probes
from stack.layout import CONFIG
from stack.ports import Ports
from stack.servers import users
from stack.spec import Spec

ADMINISTRATOR = "orderscope"
BUSY_WAIT = "RABBITMQ_SCHEDULER_BUSY_WAIT_THRESHOLD"


@dataclass(frozen=True, slots=True)
class Node:
    """One node. Nodes of a cluster share `home` (the Erlang cookie is in it) and `epmd`."""

    program: Path
    directory: Path
    home: Path
    ports: Ports
    epmd: int
    name: str = "orderscope@127.0.0.1"
    peers: tuple[str, ...] = ()
    """Names of all nodes of the cluster, this one too; empty for a node alone."""


def spec(node: Node, environ: Mapping[str, str], *, name: str = "rabbitmq") -> Spec:
    """Return how to run a node; a port mapper must listen on `node.epmd`."""
    ports = node.ports
    return Spec(
        name=name,
        command=(str(node.program),),
        cwd=node.directory,
        environment=environment(node, environ),
        ready=probes.amqp(ports.amqp),
        ports={
            "amqp": ports.amqp,
            "management": ports.rabbitmq_management,
            "metrics": ports.rabbitmq_metrics,
        },
        files={
            node.directory / "conf.d" / "node.conf": configuration(node),
            node.directory / "definitions.json": users.rabbitmq_definitions(),
        },
        secrets=(node.home / ".erlang.cookie",),
        after=("epmd",),
        start_timeout=90,
        stop_timeout=30,  # its management plugin alone sleeps for 5 s (rabbitmq-server#11070)
    )


def url(*ports: int, user: str = ADMINISTRATOR) -> str:
    """Return the address of a node for AMQP clients; of several nodes, separated by commas."""
    return ",".join(f"amqp://{user}:{users.PASSWORD}@127.0.0.1:{port}/" for port in ports)


def configuration(node: Node) -> str:
    """Return the settings that are this node's own (new style: sysctl)."""
    lines = [
        f"listeners.tcp.1 = 127.0.0.1:{node.ports.amqp}",
        "management.tcp.ip = 127.0.0.1",
        f"management.tcp.port = {node.ports.rabbitmq_management}",
        "prometheus.tcp.ip = 127.0.0.1",
        f"prometheus.tcp.port = {node.ports.rabbitmq_metrics}",
        *(f"cluster_formation.classic_config.nodes.{n} = {peer}" for n, peer in enumerate(node.peers, 1)),
    ]
    if node.peers:
        lines.append("cluster_partition_handling = pause_minority")
    return "\n".join(lines) + "\n"


def environment(node: Node, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a node, and of the command line tools that are to talk to it."""
    inherited = {k: v for k, v in environ.items() if not k.startswith(("RABBITMQ_", "ERL_"))}
    return {
        **inherited,
        "HOME": str(node.home),
        "LC_ALL": "C.UTF-8",  # Erlang takes from it how file names are encoded
        "ERL_EPMD_PORT": str(node.epmd),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        # Also for the short-lived VM with which the broker makes sure of a port mapper.
        "ERL_FLAGS": "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
        "ERL_CRASH_DUMP_SECONDS": "0",  # no dump of a few hundred MB beside a log that says why
        "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the server: signals reach it
        # Threads that spin for a moment before they sleep: it starts in 4 to 5 s instead of 6 to 7, and takes
        # about 40 µs more CPU a message. `none` is RabbitMQ's default.
        BUSY_WAIT: environ.get(BUSY_WAIT, "very_short"),
        "RABBITMQ_NODENAME": node.name,
        "RABBITMQ_USE_LONGNAME": "true",  # an address for a host: no name to be resolved
        "RABBITMQ_DIST_PORT": str(node.ports.rabbitmq_distribution),
        "RABBITMQ_MNESIA_BASE": str(node.directory / "mnesia"),
        "RABBITMQ_LOG_BASE": str(node.directory),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_UPGRADE_LOG": "/dev/null",
        "RABBITMQ_CONFIG_FILE": str(CONFIG / "rabbitmq.conf"),
        "RABBITMQ_CONFIG_FILES": str(node.directory / "conf.d" / "*.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(CONFIG / "advanced.config"),
        "RABBITMQ_CONF_ENV_FILE": str(node.directory / "rabbitmq-env.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(CONFIG / "enabled_plugins"),
    }


def cluster(program: Path, directory: Path, ports: Sequence[Ports], environ: Mapping[str, str]) -> list[Spec]:
    """Return how to run a node for each of the ports, named `rabbitmq-1`, `rabbitmq-2` and so on.

    They form a cluster when they are first started, together, and come back to it whenever they are started
    again, one or all. Quorum queues get a replica on each node (up to three) that belongs to the cluster when
    they are declared: services should start after all nodes.

    Args:
        program: The server itself (`stack.programs.RABBITMQ`).
        directory: Where each node gets a folder, and all share a home with the cookie that lets them talk.
        ports: The ports, a node each; the port mapper of the first is ready before them.
        environ: The environment to take the rest from.
    """
    names = [f"rabbitmq-{number}" for number in range(1, len(ports) + 1)]
    peers = tuple(f"{name}@127.0.0.1" for name in names)
    return [
        spec(
            Node(program, directory / name, directory / "home", its, ports[0].epmd, name=peer, peers=peers),
            environ,
            name=name,
        )
        for name, peer, its in zip(names, peers, ports, strict=True)
    ]


def port_mapper(program: Path, ports: Ports, directory: Path, environ: Mapping[str, str]) -> Spec:
    """Return how to run Erlang's port mapper, by which nodes find each other; a cluster needs one.

    A broker would start one by itself, as a daemon that outlives it; this one is a process like the others.
    """
    return Spec(
        name="epmd",
        command=(str(program), "-port", str(ports.epmd), "-address", "127.0.0.1"),
        cwd=directory,
        environment=environ,
        ready=probes.tcp(ports.epmd),
        ports={"epmd": ports.epmd},
        start_timeout=10,
    )
