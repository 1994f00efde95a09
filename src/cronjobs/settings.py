"""Every variable of the application, on top of the router's: one class for both stacks, the scheduler and scripts."""

import base64
import binascii
import re
from email.utils import parseaddr
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, HttpUrl, SecretStr, TypeAdapter, model_validator

from crossfade import settings as router_settings
from crossfade.project import Project
from crossfade.settings import Flag

DEVELOPMENT_SECRET = "development-only-secret-that-production-refuses"  # noqa: S105 - refused by name in production
SHORTEST_SECRET = 32
"""Characters: HS256 wants a key of at least 256 bits (RFC 7518, section 3.2)."""
SHORTEST_SIGNING_KEY = 24
"""Bytes: what Standard Webhooks asks for."""
_STANDARD = "whsec_"
LONGEST_LIFE = 100 * 365 * 86_400
"""Seconds of a token: what ends after the year 9999 has no instant."""


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{value!r} is no IANA time zone: write one like Asia/Tokyo or UTC") from error
    return value


def _http_base(value: str) -> str:
    url = TypeAdapter(HttpUrl).validate_python(value)
    if url.username is not None or url.password is not None:
        raise ValueError("an address must not carry a user name or a password")
    return value.rstrip("/")


def _owner(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", value):
        raise ValueError("a GitHub owner is made of letters, digits, hyphens and underscores")
    return value


def _sender(value: str) -> str:
    if not re.fullmatch(r"[^\s@]+@[^\s@]+", parseaddr(value)[1]):
        raise ValueError("no e-mail address: write jobs@example.com, or Jobs <jobs@example.com>")
    return value


def _header(value: SecretStr) -> SecretStr:
    if not is_sendable(value.get_secret_value()):
        raise ValueError("a token is made of visible ASCII characters")
    return value


def _signing_secret(value: SecretStr) -> SecretStr:
    signing_key(value.get_secret_value())
    return value


def signing_key(secret: str) -> bytes:
    """The key that WEBHOOK_SECRET stands for: what follows `whsec_` is base64, any other text is the key itself."""
    if not secret.startswith(_STANDARD):
        return secret.encode()
    try:
        key = base64.b64decode(secret.removeprefix(_STANDARD), validate=True)
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError("what follows whsec_ must be base64: write whsec_ and the output of `openssl rand -base64 32`")
    return key


def is_sendable(token: str) -> bool:
    """Whether a token can stand in a header."""
    return re.fullmatch(r"[!-~]+", token) is not None


class Settings(router_settings.Settings):
    """Section 4 of the contract. A field is read from the variable of its name in capitals."""

    secret_key: SecretStr = SecretStr(DEVELOPMENT_SECRET)
    """Signs what the application hands out. Production needs one of its own, of 32 characters or more."""
    jwt_secret_key: SecretStr | None = None
    """Signs tokens; SECRET_KEY when unset. Both stacks must share it: a token of either is good on the other."""
    jwt_access_token_expires: Annotated[int, Field(gt=0, le=LONGEST_LIFE)] = 3600
    """Seconds that an access token lives."""
    jwt_refresh_token_expires: Annotated[int, Field(gt=0, le=LONGEST_LIFE)] = 2_592_000
    """Seconds that a refresh token lives."""

    scheduler_enabled: Flag = True
    """Whether this process fires due jobs. Under TESTING none does, whatever this says."""
    scheduler_timezone: Annotated[str, AfterValidator(_zone)] = "Asia/Tokyo"
    """The IANA zone that cron expressions and end dates are read in."""
    scheduler_poll_seconds: Annotated[float, Field(gt=0, le=60)] = 1.0
    """Seconds between two looks at what is due."""
    scheduler_executor: Literal["local", "procrastinate"] = "local"
    """Who executes runs: the process that claims them, or the workers of `crossfade worker`, through PostgreSQL."""
    cron_dialect: Literal["standard", "apscheduler"] = "standard"
    """How the expressions of new jobs are read: as Debian's cron does, or as the legacy application did."""

    github_token: Annotated[SecretStr, AfterValidator(_header)] | None = None
    """Dispatches workflows, unless a run brings a token of its own."""
    github_api_url: Annotated[str, AfterValidator(_http_base)] = "https://api.github.com"
    """The base of GitHub's API; another one for GitHub Enterprise."""
    default_github_owner: Annotated[str, AfterValidator(_owner)] | None = None
    """The owner of repositories that are named without one."""
    webhook_allow_private: Flag | None = None
    """Whether outgoing calls may reach loopback and private addresses. Unset: yes in development, no in production."""

    webhook_secret: Annotated[SecretStr, AfterValidator(_signing_secret)] | None = None
    """Signs webhook calls as Standard Webhooks has it: `whsec_` and base64, or a text. Unset: nothing is signed."""

    cors_origins: str = ""
    """Origins whose pages may call the API, such as https://jobs.example.com, comma-separated; empty for none."""
    frontend_base_url: Annotated[str, AfterValidator(_http_base)] = "http://localhost:3000"
    """Where links in messages lead."""

    mail_server: str = ""
    """The SMTP host; empty switches e-mail off."""
    mail_port: Annotated[int, Field(ge=1, le=65535)] = 587
    """The port of MAIL_SERVER."""
    mail_use_tls: Flag = True
    """Whether the connection is encrypted (STARTTLS) before anything is sent."""
    mail_username: str | None = None
    """Who signs in at MAIL_SERVER; unset: nobody does."""
    mail_password: SecretStr | None = None
    """The password of MAIL_USERNAME."""
    mail_default_sender: Annotated[str, AfterValidator(_sender)] = "cronjobs@localhost"
    """The address that e-mail comes from."""

    execution_retention_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    """Days after which executions are deleted; 0 keeps them all."""
    notification_retention_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    """Days after which notifications are deleted, read or not; 0 keeps them all."""

    @model_validator(mode="after")
    def _production_is_no_place_for_a_guessable_secret(self) -> Self:
        if self.app_env == "production":
            faults = secret_faults(self)
            if faults:
                raise ValueError("; ".join(faults))
        return self

    @property
    def token_secret(self) -> str:
        """The key that tokens are signed with."""
        return (self.jwt_secret_key or self.secret_key).get_secret_value()

    @property
    def zone(self) -> ZoneInfo:
        """The scheduler's time zone."""
        return ZoneInfo(self.scheduler_timezone)

    @property
    def private_targets_allowed(self) -> bool:
        """Whether outgoing calls may reach addresses that are not public."""
        if self.webhook_allow_private is None:
            return self.app_env == "development"
        return self.webhook_allow_private

    @property
    def origins(self) -> list[str]:
        """CORS_ORIGINS, split; in lower case, as browsers send them."""
        return [origin.strip().lower() for origin in self.cors_origins.split(",") if origin.strip()]


def secret_faults(settings: Settings) -> list[str]:
    """What makes the secrets unfit for production, a sentence each, without the secrets themselves."""
    secret = settings.secret_key.get_secret_value()
    token_secret = settings.token_secret
    faults = []
    if secret == DEVELOPMENT_SECRET:
        faults.append("SECRET_KEY is not set: production needs a secret of its own")
    if len(secret) < SHORTEST_SECRET:
        faults.append(f"SECRET_KEY is shorter than {SHORTEST_SECRET} characters")
    if settings.jwt_secret_key is not None:
        if token_secret == DEVELOPMENT_SECRET:
            faults.append("JWT_SECRET_KEY is the development default")
        if len(token_secret) < SHORTEST_SECRET:
            faults.append(f"JWT_SECRET_KEY is shorter than {SHORTEST_SECRET} characters")
        if token_secret == secret:
            faults.append("JWT_SECRET_KEY equals SECRET_KEY: one leak would open both")
    if settings.webhook_secret is not None and len(signing_key(settings.webhook_secret.get_secret_value())) < (
        SHORTEST_SIGNING_KEY
    ):
        faults.append(f"WEBHOOK_SECRET is shorter than {SHORTEST_SIGNING_KEY} bytes")
    return faults


def load() -> Settings:
    """The settings of the project that this process runs in. Raises SettingsError or ProjectNotFoundError."""
    return Settings.load(root=Project.find().root)
