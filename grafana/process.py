"""A service's panels of what its processes take: event loop, CPU, memory, garbage collector, files."""

from grafana_foundation_sdk.models.units import BytesIEC, OpsPerSecond, PercentUnit, Seconds

from grafana.panels import Panel, Query
from grafana.promql import quantile, rate, share_of_core

_THIS = 'job="$service"'

PROCESS = (
    Panel(
        title="Event-loop lag p99 by process",
        description="A step up with a new version: blocking code. One process only: one request that blocks.",
        unit=Seconds,
        queries=(Query(quantile(0.99, "event_loop_lag_seconds", _THIS, by="instance"), "{{instance}}"),),
        warn=0.05,
        bad=0.25,
    ),
    Panel(
        title="CPU by process",
        description="Share of one core, which is all that a Python process can use. Near 1: add processes.",
        unit=PercentUnit,
        queries=(Query(share_of_core(_THIS, "instance"), "{{instance}}"),),
        warn=0.7,
        bad=0.95,
    ),
    Panel(
        title="Memory",
        description="Flat is well; a slope that never falls is a leak. A container is ended at 256 MiB.",
        unit=BytesIEC,
        queries=(Query(f"process_resident_memory_bytes{{{_THIS}}}", "{{instance}}"),),
        warn=160 * 1024**2,
        bad=224 * 1024**2,
    ),
)

RESOURCES = (
    Panel(
        title="Garbage collections by generation",
        description="Generation 2 looks at everything, and all else waits. Often: too much is kept for long.",
        unit=OpsPerSecond,
        queries=(
            Query(rate("python_gc_collections_total", _THIS, by="generation"), "generation {{generation}}"),
        ),
    ),
    Panel(
        title="Open files and connections",
        description="Share of what the process may open. A slope that never falls: connections leak.",
        unit=PercentUnit,
        queries=(Query(f"process_open_fds{{{_THIS}}} / process_max_fds{{{_THIS}}}", "{{instance}}"),),
        warn=0.7,
        bad=0.9,
    ),
)
