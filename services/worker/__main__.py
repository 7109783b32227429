"""Entry point: `python -m services.worker`."""

import uvloop

from services.common.startup import exit_on_bad_settings

if __name__ == "__main__":
    with exit_on_bad_settings("worker"):
        from observability import TelemetrySettings
        from services.worker.app import run
        from services.worker.settings import Settings

        settings = Settings().startable(), TelemetrySettings()
    uvloop.run(run(*settings))
