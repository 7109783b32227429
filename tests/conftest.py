"""Which tests run beside which: two processes share the work (`make test`), and servers are started once."""

import pytest

OWN_SERVERS = {
    "tests/e2e/test_dashboards.py",
    "tests/e2e/test_alerts.py",
    "tests/integration/test_alert_rules.py",
    "tests/integration/test_rabbitmq_cluster.py",
    "tests/integration/test_stack_servers.py",
    "tests/chaos/test_chaos.py",
}
"""Files whose tests start what they need themselves; others of a folder share what its conftest starts."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep in one process what shares servers; other files go wherever there is room."""
    for item in items:
        path = item.path.relative_to(item.config.rootpath).as_posix()
        folder = path.rsplit("/", 1)[0]
        shared = folder in {"tests/e2e", "tests/integration"} and path not in OWN_SERVERS
        item.add_marker(pytest.mark.xdist_group(folder if shared else path))
