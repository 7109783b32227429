"""Which faults happen when: drawn from a seed, with time to recover after each."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from resilience.chaos.kinds import Kind

WARM_UP_SECONDS = 5.0
"""Load without faults: a broker killed while its queues are declared may come back without their leaders."""
GAP_SECONDS = 3.0
"""The least time between two faults of one lane."""
PAUSES = (5.0, 15.0)
"""The additional pause that each repetition brings along (s)."""
LATENCIES_MS = {"amqp": (50.0, 800.0), "redis": (20.0, 2500.0), "smtp": (100.0, 1500.0)}
"""The services wait 1 or 2 s for Redis: some of these delay an answer, others make the call fail."""
SEVERAL = {"node": "rabbitmq", "amqp": "amqp"}
"""The targets of which a cluster has several, and the name of one of them without its number."""
EARLY, EARLY_SECONDS = ("smtp connection",), 38.0
"""Lanes whose faults come early and once. An email is tried at once and after 1, 6 and 36 s: no last attempt
meets a mail server that is unreachable, after other faults took the first three attempts."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what it hits, how long it lasts, and when it begins, in seconds since the load began."""

    kind: Kind
    seconds: float
    target: str
    latency_ms: float = 0.0
    at: float = 0.0

    @property
    def name(self) -> str:
        """The name of its kind."""
        return self.kind.name

    @property
    def total_seconds(self) -> float:
        """About how long it takes, recovery included."""
        return self.seconds + self.kind.recovery


@dataclass(frozen=True, slots=True)
class Plan:
    """How long orders come in, and the faults that happen meanwhile."""

    seconds: float
    faults: tuple[Fault, ...]

    def lanes(self) -> list[list[Fault]]:
        """Return the faults of each lane, in the order of their time."""
        lanes: defaultdict[str, list[Fault]] = defaultdict(list)
        for fault in self.faults:
            lanes[fault.kind.lane].append(fault)
        return list(lanes.values())


def chance(seed: int, purpose: str) -> Random:
    """Return the random numbers of a seed for one purpose; what other purposes draw does not change them."""
    return Random(f"{seed} {purpose}")  # noqa: S311 - they have to be repeatable


def plan(seed: int, kinds: Sequence[Kind], seconds: float, *, nodes: int = 1) -> Plan:
    """Draw a plan: each kind once, and again as long as orders come in.

    Args:
        seed: The same seed gives the same plan.
        kinds: The kinds of faults that may happen.
        seconds: How long orders are to come in, at least; longer when the kinds need that.
        nodes: How many brokers there are.
    """
    lanes: defaultdict[str, list[Kind]] = defaultdict(list)
    for kind in kinds:
        lanes[kind.lane].append(kind)
    drawn = {lane: _draw(chance(seed, lane), members, nodes) for lane, members in lanes.items()}
    length = max(seconds, WARM_UP_SECONDS, *(WARM_UP_SECONDS + _length(faults) for faults in drawn.values()))
    placed = list[Fault]()
    for lane, faults in drawn.items():
        rng = chance(seed, f"{lane} times")
        room = (min(length, EARLY_SECONDS) if lane in EARLY else length) - WARM_UP_SECONDS
        more = [] if lane in EARLY else _repeat(rng, lanes[lane], room - _length(faults), nodes)
        placed += _spread(rng, faults + more, room)
    return Plan(length, tuple(sorted(placed, key=lambda fault: fault.at)))


def _draw(rng: Random, kinds: Sequence[Kind], nodes: int) -> list[Fault]:
    """Return each kind once, in any order."""
    return [_fault(rng, kind, nodes) for kind in rng.sample(kinds, len(kinds))]


def _repeat(rng: Random, kinds: Sequence[Kind], room: float, nodes: int) -> list[Fault]:
    """Return further faults of a lane, as many as fit with a pause after each."""
    faults = list[Fault]()
    while True:
        fault = _fault(rng, rng.choice(kinds), nodes)
        room -= fault.total_seconds + rng.uniform(*PAUSES)
        if room < 0:
            return faults
        faults.append(fault)


def _spread(rng: Random, faults: Sequence[Fault], room: float) -> list[Fault]:
    """Give each fault of a lane its time, one after the other; spare time is divided at random."""
    spare = max(0.0, room - _length(faults))
    shares = sorted(rng.uniform(0, spare) for _ in faults)
    placed, busy = list[Fault](), WARM_UP_SECONDS
    for fault, share in zip(faults, shares, strict=True):
        placed.append(replace(fault, at=round(busy + share, 2)))
        busy += fault.total_seconds + GAP_SECONDS
    return placed


def _length(faults: Sequence[Fault]) -> float:
    return sum(fault.total_seconds + GAP_SECONDS for fault in faults)


def _fault(rng: Random, kind: Kind, nodes: int) -> Fault:
    durations = rng.choice(kind.durations)
    action, _, target = kind.name.partition("-")
    latency = rng.uniform(*LATENCIES_MS[target]) if action == "delay" else 0.0
    if nodes > 1 and target in SEVERAL:
        target = f"{SEVERAL[target]}-{rng.randint(1, nodes)}"
    return Fault(kind, round(rng.uniform(*durations), 2), target, round(latency))
