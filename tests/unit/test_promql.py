"""The tests' reader of PromQL finds what an expression names."""

import pytest

from tests.promql import names, selectors


@pytest.mark.parametrize(
    ("expression", "selected", "grouped"),
    [
        ("up", {"up": set()}, set()),
        ("sum(1 - up)", {"up": set()}, set()),
        ('rate(a_total{x="1", y!~"b|{c}"}[20s])', {"a_total": {"x", "y"}}, set()),
        ("sum by (le, q) (rate(a_bucket[5m]))", {"a_bucket": set()}, {"le", "q"}),
        ('topk(20, count by (__name__) ({__name__!=""}))', {"": {"__name__"}}, {"__name__"}),
        ('r:x:rate5m{s="a"} / on (s) (1 - r:y{s="a"})', {"r:x:rate5m": {"s"}, "r:y": {"s"}}, {"s"}),
        ('(sum(rate(a{x="1"}[9s])) or vector(0)) / (sum(b) > 0)', {"a": {"x"}, "b": set()}, set()),
        ("process_open_fds / process_max_fds", {"process_open_fds": set(), "process_max_fds": set()}, set()),
        ("histogram_quantile(0.95, sum by (le) (rate(a_bucket[1m])))", {"a_bucket": set()}, {"le"}),
    ],
)
def test_metrics_and_labels_are_found(
    expression: str, selected: dict[str, set[str]], grouped: set[str]
) -> None:
    """Whatever is around them: functions, operators, ranges, texts."""
    found = names(expression)
    assert (found.selected, found.grouped) == (selected, grouped)


def test_selectors_are_found_as_they_stand() -> None:
    """With their matchers, without ranges: each can be asked for by itself."""
    found = selectors('rate(a{x="1", y!~"b|{c}[2m]"}[20s]) - b or absent(c{y="z"}) > 3')
    assert found == ['a{x="1", y!~"b|{c}[2m]"}', 'c{y="z"}', "b"]
    assert selectors("vector(0.99)") == []
