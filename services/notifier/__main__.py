"""Entry point: `python -m services.notifier`."""

import uvloop

from observability import TelemetrySettings
from services.notifier.app import run
from services.notifier.settings import Settings

if __name__ == "__main__":
    uvloop.run(run(Settings(), TelemetrySettings()))
