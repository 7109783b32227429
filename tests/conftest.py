"""Which tests run beside which: two processes share the work (`make test`), and servers are started once."""

import pytest

OWN_SERVERS = (
    "tests/e2e/test_dashboards.py",
    "tests/e2e/test_alerts.py",
    "tests/integration/test_alert_rules.py",
    "tests/integration/test_rabbitmq_cluster.py",
    "tests/integration/test_stack_servers.py",
    "tests/chaos/test_chaos.py",
)
"""Files whose tests start what they need themselves; others of a folder share what its conftest starts."""
LONGEST_FIRST = ("tests/e2e", "tests/chaos/test_chaos.py", *OWN_SERVERS, "tests/integration")
"""Groups that take minutes: what is left for the end is short, and keeps both processes busy."""


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in a hook of its own
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep in one process what shares servers; other files go wherever there is room."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=lambda item: _place(_group(item)))


def _group(item: pytest.Item) -> str:
    path = item.path.relative_to(item.config.rootpath).as_posix()
    folder = path.rsplit("/", 1)[0]
    shared = folder in {"tests/e2e", "tests/integration"} and path not in OWN_SERVERS
    return folder if shared else path


def _place(group: str) -> int:
    return LONGEST_FIRST.index(group) if group in LONGEST_FIRST else len(LONGEST_FIRST)
