"""Entry point: `python -m services.api`."""

import uvloop

from services.common.startup import exit_on_bad_settings

if __name__ == "__main__":
    with exit_on_bad_settings("api"):
        from observability import TelemetrySettings
        from services.api.app import run
        from services.api.settings import Settings

        settings = Settings().startable(), TelemetrySettings()
    uvloop.run(run(*settings))
