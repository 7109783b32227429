"""Which faults happen when: repeatable, complete, one at a time on the same thing."""

from itertools import pairwise

from resilience.chaos.kinds import select
from resilience.chaos.plan import EARLY, EARLY_SECONDS, WARM_UP_SECONDS, Plan, plan

SEEDS = range(50)
ONE, CLUSTER = select("all", cluster=False), select("all", cluster=True)


def plans() -> list[Plan]:
    """Return plans of many seeds, short and long."""
    return [plan(seed, ONE, seconds) for seed in SEEDS for seconds in (1.0, 200.0)]


def test_a_seed_gives_the_same_plan_and_another_seed_another() -> None:
    """A run can be repeated from the seed that it printed, in another process, too."""
    first = [(fault.at, fault.name, fault.seconds) for fault in plan(7, ONE, 60).faults[:2]]
    assert first == [(5.0, "freeze-rabbitmq", 21.74), (5.1, "delay-redis", 4.65)]
    assert plan(7, ONE, 60) == plan(7, ONE, 60)
    assert plan(7, ONE, 60) != plan(8, ONE, 60)


def test_each_kind_happens_while_orders_come_in_and_never_two_on_the_same_thing() -> None:
    """However few the orders: the load is stretched until every fault meets some.

    No fault begins before the queues exist for a while, or before the one before it on its lane is over,
    recovery included; none is still on when the load ends. Lengths are drawn from the kind's ranges, and only
    delays have a latency.
    """
    for scenario in plans():
        assert {fault.name for fault in scenario.faults} == {kind.name for kind in ONE}
        assert min(fault.at for fault in scenario.faults) >= WARM_UP_SECONDS
        assert max(fault.at + fault.total_seconds for fault in scenario.faults) <= scenario.seconds
        for lane in scenario.lanes():
            assert all(later.at >= fault.at + fault.total_seconds for fault, later in pairwise(lane))
        for fault in scenario.faults:
            assert any(low <= fault.seconds <= high for low, high in fault.kind.durations)
            assert (fault.latency_ms > 0) == fault.name.startswith("delay-")


def test_a_longer_load_meets_more_faults_but_no_late_ones_of_the_mail_server() -> None:
    """Kinds are repeated; an email's last attempt after 36 s never meets a server that is away."""
    assert all(len(plan(seed, ONE, 200).faults) > 1.5 * len(ONE) for seed in SEEDS)
    for scenario in plans():
        late = [fault.at + fault.total_seconds for fault in scenario.faults if fault.kind.lane in EARLY]
        assert max(late) <= EARLY_SECONDS


def test_a_cluster_loses_one_node_at_a_time() -> None:
    """Whatever happens to nodes is on one lane, and names one of the three."""
    scenario = plan(3, CLUSTER, 300, nodes=3)
    nodes = [fault for fault in scenario.faults if fault.name.endswith("-node")]
    assert {fault.kind.lane for fault in nodes} == {"rabbitmq"}
    assert {fault.target for fault in nodes} == {"rabbitmq-1", "rabbitmq-2", "rabbitmq-3"}
    links = [fault.target for fault in scenario.faults if fault.name.endswith("-amqp")]
    assert set(links) <= {"amqp-1", "amqp-2", "amqp-3"}


def test_freezing_outlasts_heartbeats_in_some_plans_and_not_in_others() -> None:
    """Both sides of the 18 s after which a silent broker is given up are tried."""
    frozen = [f.seconds for scenario in plans() for f in scenario.faults if f.name == "freeze-rabbitmq"]
    assert min(frozen) < 18 < max(frozen)
    assert plan(1, (), 30) == Plan(30, ())  # without faults there is just the load
