"""Attributes that many spans have in common, and none changes."""

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn, final

from opentelemetry.util.types import AnyValue, AttributeValue


@final
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


@final
class Extended(Mapping[str, AnyValue]):
    """What one span alone has, and fixed attributes beside it; to others a mapping, too.

    A span that begins with it takes it over and goes on filling it. All of it is plain, and no name stands in
    two of its parts: whoever makes one sees to that.
    """

    __slots__ = ("_size", "fixed", "own")

    def __init__(self, own: dict[str, AnyValue], fixed: FixedAttributes) -> None:
        """Keep both as they are."""
        self.own = own
        self.fixed: tuple[FixedAttributes, ...] = (fixed,)
        self._size = len(fixed)

    def add(self, fixed: FixedAttributes) -> None:
        """Keep these, too."""
        self.fixed += (fixed,)
        self._size += len(fixed)

    def fixes(self, name: str) -> bool:
        """Return whether a fixed part has this name."""
        return any(name in part for part in self.fixed)

    def has_none_of(self, names: Mapping[str, object]) -> bool:
        """Return whether no part has one of these names."""
        for part in self.fixed:
            if not part.keys().isdisjoint(names):
                return False
        return self.own.keys().isdisjoint(names)

    def whole(self) -> dict[str, AnyValue]:
        """Return all of it in a dict."""
        found: dict[str, AnyValue] = {}
        for part in self.fixed:
            found |= part
        return found | self.own

    def __len__(self) -> int:
        """Return how many there are."""
        return self._size + len(self.own)

    def __getitem__(self, name: str) -> AnyValue:
        """Return the value of one."""
        for part in self.fixed:
            if name in part:
                return part[name]
        return self.own[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self.whole())
