"""Entry point: `python -m services.worker`."""

import uvloop

from observability import TelemetrySettings
from services.worker.app import run
from services.worker.settings import Settings

if __name__ == "__main__":
    uvloop.run(run(Settings(), TelemetrySettings()))
