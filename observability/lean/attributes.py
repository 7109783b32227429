"""What a span's attributes become as it is told more; in the end they are what the SDK's would be.

But for one thing: fixed ones that were added later count as older than others when there are too many.
Nearly all are a dict, or fixed ones with a dict beside them. What needs care goes into the SDK's container.
"""

from collections.abc import Mapping
from typing import TypeAlias

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.util.types import AnyValue

from observability.fixed import Extended, FixedAttributes
from observability.lean.bounds import Bounds

Kept: TypeAlias = dict[str, AnyValue] | FixedAttributes | Extended | BoundedAttributes


def kept(attributes: Mapping[str, AnyValue], bounds: Bounds) -> Kept:
    """Return attributes as a span begins with them: shared, copied or cleaned."""
    if type(attributes) is Extended:
        return attributes if len(attributes) <= bounds.plain else bounds.attributes(attributes)
    if type(attributes) is FixedAttributes and attributes.plain and len(attributes) <= bounds.plain:
        return attributes
    if bounds.are_plain(len(attributes), attributes, attributes.values()):
        return dict(attributes)
    return bounds.attributes(attributes)


def with_one(there: Kept, key: str, value: AnyValue, bounds: Bounds) -> Kept:
    """Return what is there and one attribute more, in place of one of that name."""
    if type(there) is FixedAttributes:
        there = Extended({}, there)
    if type(there) is Extended:
        if not there.fixes(key):
            own = there.own
            if bounds.are_plain(len(there) + (key not in own), (key,), (value,)):
                own.pop(key, None)
                own[key] = value
                return there
        there = there.whole()
    if type(there) is dict and not bounds.are_plain(len(there) + (key not in there), (key,), (value,)):
        there = bounds.attributes(there)
    if key in there:
        del there[key]  # it becomes the newest: the oldest go first when there are too many
    there[key] = value
    return there


def with_more(there: Kept, more: Mapping[str, AnyValue], bounds: Bounds) -> Kept:
    """Return what is there and several more."""
    if type(there) is FixedAttributes:
        there = Extended({}, there)
    if type(there) is Extended and there.has_none_of(more):
        count = len(there) + len(more)
        if type(more) is FixedAttributes and more.plain and count <= bounds.plain:
            there.add(more)
            return there
        if bounds.are_plain(count, more, more.values()):
            there.own.update(more)
            return there
    elif (
        type(there) is dict
        and there.keys().isdisjoint(more)
        and bounds.are_plain(len(there) + len(more), more, more.values())
    ):
        there.update(more)
        return there
    for key, value in more.items():
        there = with_one(there, str(key), value, bounds)  # a text, as the SDK makes it here alone
    return there
