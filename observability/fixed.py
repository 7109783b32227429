"""Attributes that many spans have in common, and none changes."""

from collections.abc import Mapping
from typing import Any, NoReturn

from opentelemetry.util.types import AnyValue, AttributeValue


class FixedAttributes(dict[str, AnyValue]):
    """Attributes that a span may share instead of copying them, and an exporter encode once.

    To any other provider or exporter they are a mapping like others.
    """

    __slots__ = ("encoded", "plain")

    def __init__(self, attributes: Mapping[str, AttributeValue]) -> None:
        """Copy the attributes."""
        super().__init__(attributes)
        self.plain = all(name and isinstance(value, str | bool | int | float) for name, value in self.items())
        """Whether none of them could be changed by somebody else, or has to be cleaned."""
        self.encoded: dict[bytes, bytes] = {}
        """By the tag of their field; kept by who exports them."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:  # noqa: ANN401 - whatever was to be changed
        raise TypeError("attributes that others share do not change")

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = pop = popitem = clear = setdefault = _refuse
