"""The exporter's log: a line when telemetry begins to be lost, and one when it no longer is."""

import logging
from collections import Counter
from collections.abc import Mapping

_LONGEST_DETAIL = 300  # characters; servers write what they like

_logger = logging.getLogger("observability.otlp")


class HealthLog:
    """Tells of changes of state, never of single batches: an outage must not fill the log."""

    def __init__(self, endpoint: str, items: str) -> None:
        """Name the endpoint that the lines are about, and what is sent there, in the plural."""
        self._endpoint = endpoint
        self._items = items
        self._lost: Counter[str] = Counter()
        self._warned = False

    def note(self, lost: Mapping[str, int], detail: str) -> None:
        """Take in how a batch ended: what was lost, by reason (none when all went well), and why."""
        if lost and not self._lost:
            _logger.warning(
                "OTLP export to %s loses %s (%s): %s",
                self._endpoint, self._items, _sums(lost), _short(detail),
            )  # fmt: skip
        elif not lost and self._lost:
            _logger.info("OTLP export to %s works again; lost: %s", self._endpoint, _sums(self._lost))
            self._lost.clear()
        self._lost.update(lost)
        self._note_warning("" if lost else detail)

    def close(self) -> None:
        """Tell what was lost if exporting ends while it fails."""
        if self._lost:
            _logger.warning(
                "OTLP export to %s ended while failing; lost: %s", self._endpoint, _sums(self._lost)
            )
            self._lost.clear()

    def _note_warning(self, detail: str) -> None:
        # A server may accept everything and still have something to say.
        if detail and not self._warned:
            _logger.warning("OTLP server %s warns: %s", self._endpoint, _short(detail))
        self._warned = bool(detail)


def _sums(lost: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {number}" for reason, number in lost.items())


def _short(detail: str) -> str:
    return repr(detail[:_LONGEST_DETAIL])
