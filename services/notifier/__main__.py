"""Entry point: `python -m services.notifier`."""

import uvloop

from services.common.startup import exit_on_bad_settings

if __name__ == "__main__":
    with exit_on_bad_settings("notifier"):
        from observability import TelemetrySettings
        from services.notifier.app import run
        from services.notifier.settings import Settings

        settings = Settings().startable(), TelemetrySettings()
    uvloop.run(run(*settings))
