"""Entry point: `python -m services.api`."""

import uvloop

from observability import TelemetrySettings
from services.api.app import run
from services.api.settings import Settings

if __name__ == "__main__":
    uvloop.run(run(Settings(), TelemetrySettings()))
