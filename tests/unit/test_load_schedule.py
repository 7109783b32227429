"""How many users there are when, and when each of them goes on."""

import random

import pytest

from loadtests.schedule import Pace, users_at


def course(shape: str, *, seconds: int = 100, users: int = 50) -> list[int | None]:
    """Return the users of each second, and of the one after the last."""
    return [users_at(shape, second, seconds=seconds, users=users) for second in range(seconds + 1)]


@pytest.mark.parametrize("shape", ["steady", "soak"])
def test_steady_is_all_users_all_the_time(shape: str) -> None:
    """And then nobody."""
    assert course(shape) == [50] * 100 + [None]


def test_a_ramp_ends_with_all_users() -> None:
    """In ten equal steps."""
    assert course("ramp") == [5 * (second // 10 + 1) for second in range(100)] + [None]


def test_a_spike_is_a_fifth_of_the_time() -> None:
    """All users at once, and a fifth of them before and after."""
    assert course("spike") == [10] * 40 + [50] * 20 + [10] * 40 + [None]


@pytest.mark.parametrize("shape", ["steady", "ramp", "spike", "soak"])
def test_there_is_always_somebody(shape: str) -> None:
    """Even when there are few users and little time."""
    assert min(users or 1 for users in course(shape, seconds=3, users=1)) == 1
    assert course(shape, seconds=3, users=1)[-1] is None


def test_users_keep_the_rate_however_long_a_journey_takes() -> None:
    """Time is counted from start to start: what an answer takes costs no order."""
    pace, now, starts = Pace(2.0, random.Random(1), 100.0), 100.0, 0  # noqa: S311 - to be repeatable
    while now < 2100:
        now += pace.wait(now)
        starts += 1
        now += 0.9
    assert starts == pytest.approx(1000, rel=0.03)


def test_users_who_come_together_do_not_go_on_together() -> None:
    """The first start is anywhere within the first interval."""
    waits = [Pace(10.0, random.Random(n), 0.0).wait(0.0) for n in range(100)]  # noqa: S311 - to be repeatable
    assert min(waits) < 1
    assert max(waits) > 9


def test_what_was_missed_is_not_made_up_for() -> None:
    """After a long journey there is one start at once, and then the usual pause."""
    pace = Pace(2.0, random.Random(1), 0.0)  # noqa: S311 - to be repeatable
    pace.wait(0.0)
    assert pace.wait(60.0) == 0
    assert pace.wait(60.0) >= 1
