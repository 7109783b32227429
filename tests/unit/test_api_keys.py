"""API keys: who they belong to, when one is needed, how one is made."""

import json

import pytest
from pydantic import ValidationError

from services.api.keys import ApiKeys, key_hash, main
from services.api.settings import Settings

HASHES = {"shop": key_hash(b"one"), "till": key_hash(b"two"), "odd": key_hash("schl\xfcssel".encode())}
ODD = "schl\xfcssel".encode().decode("latin-1")


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize(("key", "client"), [("one", "shop"), ("two", "till"), (ODD, "odd")])
def test_a_key_is_its_clients(key: str, client: str, required: bool) -> None:  # noqa: FBT001 - both
    """Whether keys are needed or not, a known one says whose request it is."""
    assert ApiKeys(HASHES, required).client(key) == client


@pytest.mark.parametrize(
    ("hashes", "required", "key", "known"),
    [
        ({}, False, None, True),
        ({}, False, "invented", True),
        ({}, True, None, False),
        ({}, True, "invented", False),
        (HASHES, False, None, True),
        (HASHES, False, "invented", False),
        (HASHES, False, HASHES["shop"], False),
        (HASHES, True, None, False),
        (HASHES, True, "", False),
        ({"empty": key_hash(b"")}, True, None, False),
    ],
)
def test_nobodys_requests(hashes: dict[str, str], required: bool, key: str | None, known: bool) -> None:  # noqa: FBT001
    """Without keys the header means nothing; with keys a wrong one is refused, and a hash is no key."""
    keys = ApiKeys(hashes, required)
    assert keys.client(key) is None
    assert keys.need_client(key) is not known


def test_a_new_key_opens_with_its_entry(capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is all that is needed: the key for the client, the entry for the settings."""
    assert main(["shop-2"]) == 0
    shown = dict(
        line.split("=", 1) if "=" in line else line.split(": ")
        for line in capsys.readouterr().out.splitlines()
    )
    assert len(shown["X-API-Key"]) == 43
    assert ApiKeys(json.loads(shown["API_KEYS"]), required=True).client(shown["X-API-Key"]) == "shop-2"
    main(["shop-2"])
    assert shown["X-API-Key"] not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status"), [(["--help"], 0), ([], 2), (["two words"], 2), (["a", "b"], 2), (["-"], 2)]
)
def test_the_command_explains_itself(
    arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Help exits with 0; names that are none are refused, with the usage."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == status
    assert "usage: python -m services.api.keys" in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("variables", "required"),
    [
        ({}, False),
        ({"REQUIRE_API_KEY": "true", "API_KEYS": json.dumps(HASHES)}, True),
        ({"ENVIRONMENT": "production", "API_KEYS": json.dumps(HASHES)}, True),
        ({"ENVIRONMENT": "production", "REQUIRE_API_KEY": "false"}, False),
    ],
)
def test_production_needs_keys(
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    required: bool,  # noqa: FBT001 - expected
) -> None:
    """On by default there, off by default elsewhere, and both can be said."""
    assert settings(monkeypatch, variables).keys().required is required


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"ENVIRONMENT": "production"}, "python -m services.api.keys NAME"),
        ({"REQUIRE_API_KEY": "true"}, "python -m services.api.keys NAME"),
        ({"API_KEYS": json.dumps({"shop": "one"})}, "pattern"),
        ({"API_KEYS": json.dumps({"two words": key_hash(b"one")})}, "pattern"),
        ({"API_KEYS": json.dumps(["one"])}, "dictionary"),
    ],
)
def test_settings_that_open_to_nobody_are_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], says: str
) -> None:
    """The start fails, says what to do, and shows no value."""
    with pytest.raises(ValidationError, match=says) as caught:
        settings(monkeypatch, variables)
    assert "one'" not in str(caught.value)


def settings(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> Settings:
    """Return the settings of an environment whose secrets are strong."""
    strong = {"AMQP_URL": "amqp://u:4f9d1c@mq/", "REDIS_URL": "redis://:77ab@r/0", "OPERATOR_TOKEN": "9e8d7c"}
    for name in ("ENVIRONMENT", "API_KEYS", "REQUIRE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**strong, **variables}.items():
        monkeypatch.setenv(name, value)
    return Settings()


@pytest.mark.parametrize(
    ("environment", "rule", "known", "unknown"),
    [
        ("development", None, True, True),
        ("staging", None, True, False),
        ("production", None, True, False),
        ("production", "always", True, True),
        ("development", "api-key", True, False),
        ("development", "never", False, False),
    ],
)
def test_whose_trace_context_is_continued(
    environment: str, rule: str | None, *, known: bool, unknown: bool
) -> None:
    """In development everybody's, otherwise that of clients with a known key, or as the setting has it."""
    variables = {"environment": environment, "trust_trace_context": rule, "api_keys": HASHES}
    secrets = {"amqp_url": "amqp://u:own@mq/", "redis_url": "redis://:own@redis/", "operator_token": "own"}
    trusted = Settings.model_validate({**variables, **secrets}).trusted()
    assert trusted({"x-api-key": "one"}) is known
    assert trusted({"x-api-key": "invented"}) is trusted({}) is unknown
