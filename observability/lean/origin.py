"""Where spans come from, and where they go."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from observability.lean.bounds import Bounds

if TYPE_CHECKING:
    from collections.abc import Callable

    from observability.lean.span import LeanSpan


@dataclass(frozen=True, slots=True)
class Origin:
    """What all spans of one tracer have in common."""

    resource: Resource
    scope: InstrumentationScope
    bounds: Bounds
    on_end: "Callable[[LeanSpan], None]"
