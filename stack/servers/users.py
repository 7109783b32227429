"""The users of RabbitMQ and Redis: templates that compose fills, too, with other passwords."""

from string import Template

from stack.layout import CONFIG

PASSWORD = "orderscope"  # noqa: S105 - public on purpose: the servers listen on this machine only
SERVICES = ("api", "worker", "notifier")


def rabbitmq_definitions() -> str:
    """Return RabbitMQ's users and their permissions (https://www.rabbitmq.com/docs/definitions)."""
    return _filled("definitions.json", {"RABBITMQ_PASSWORD": PASSWORD, **_passwords("RABBITMQ")})


def redis_users() -> str:
    """Return Redis's users (https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/)."""
    return _filled("users.conf", {"REDIS_DEFAULT_LOGIN": "nopass", **_passwords("REDIS")})


def _passwords(server: str) -> dict[str, str]:
    return {f"{server}_{name.upper()}_PASSWORD": PASSWORD for name in SERVICES}


def _filled(template: str, values: dict[str, str]) -> str:
    # Safe, because regular expressions end in a dollar sign, too.
    return Template((CONFIG / template).read_text(encoding="utf-8")).safe_substitute(values)
