"""What a demonstration cannot do without."""

import pytest

from cli.demo.command import refuse_silence
from stack.errors import StackError


@pytest.mark.parametrize(("name", "value"), [("TELEMETRY", "off"), ("LOG_LEVEL", "ERROR")])
def test_what_would_show_nothing_is_refused(name: str, value: str) -> None:
    """Before anything is started, and by the name of the setting."""
    with pytest.raises(StackError, match=f"{name}={value}"):
        refuse_silence({name: value})


def test_other_settings_are_nobodys_business() -> None:
    """Nor are those that say what is so anyway."""
    refuse_silence({"TELEMETRY": "on", "LOG_LEVEL": "DEBUG", "LANG": "C"})
