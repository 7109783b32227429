"""The trace store's two plain pages."""

from tests.unit.trace_samples import NOON, SECOND, Traces, make_request, make_span, trace_id


def test_the_latest_traces_are_listed_with_links() -> None:
    """The newest comes first, with its earliest span's service and name, its failures and its duration."""
    traces = Traces()
    traces.export(make_request(make_span(1, "older")))
    traces.export(make_request(make_span(2, "later", start=NOON + SECOND, status=2), service="worker"))
    traces.export(make_request(make_span(2, "newer")))
    text = traces.get("/").text
    row = f'<td>2026-01-31 12:00:00</td><td>api</td><td><a href="/trace/{trace_id(2)}">newer</a></td>'
    assert f"{row}<td>2</td><td>1</td><td>2000.0 ms</td>" in text
    assert text.index("newer") < text.index("older")


def test_a_trace_is_a_list_of_its_spans() -> None:
    """In the order of their start, with what they carry; an unknown trace is 404."""
    traces = Traces()
    traces.export(make_request(make_span(1, "second", start=NOON + SECOND, attributes={"attempt": 2})))
    traces.export(make_request(make_span(1, "first", status=2)))
    text = traces.get(f"/trace/{trace_id(1)}").text
    assert text.index("<td>first</td><td>failed") < text.index("<td>second</td><td>attempt=2</td>")
    assert traces.get("/trace/2").status_code == 404


def test_text_from_spans_is_never_markup() -> None:
    """Whatever a span holds is escaped, and the browser may run and load nothing."""
    traces, hostile = Traces(), "<script>alert(1)</script>"
    traces.export(make_request(make_span(1, hostile, attributes={hostile: hostile}), service=hostile))
    for answer in map(traces.get, ("/", "/trace/1")):
        assert "<script" not in answer.text
        assert "&lt;script&gt;" in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
