"""Every setting, with its unit and meaning. Environment `THROUGHLINE_*`, or a `.env` file."""

import hashlib
import os
import secrets
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from phonenumbers import SUPPORTED_REGIONS
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.kit.currencies import MINOR_DIGITS


class Settings(BaseSettings):
    """One deployment's settings; secrets have no default (one is generated in the data folder)."""

    model_config = SettingsConfigDict(
        env_prefix="THROUGHLINE_", env_file=".env", extra="ignore", frozen=True
    )

    database_url: str = Field(
        "",
        description="SQLAlchemy URL of the ledger: sqlite:///… or postgresql+psycopg://…; "
        "empty: ledger.sqlite3 in the data folder.",
    )
    data_dir: Path = Field(
        Path("var"), description="Folder of the ledger, the mart and the secret."
    )
    mart_path: Path | None = Field(
        None, description="File of the mart; empty: mart.duckdb in the data folder."
    )
    host: str = Field("127.0.0.1", description="Address the server listens on.")
    port: int = Field(8000, description="Port the server listens on.", ge=0, le=65535)
    base_url: str = Field(
        "", description="Public address of the service, for links; empty: http://host:port."
    )
    secret: str = Field(
        "",
        description="Secret of hashes and sessions, 32 characters or more; empty: generated once "
        "and kept in the data folder.",
        repr=False,
    )
    currency: str = Field("EUR", description="Reporting currency, ISO 4217.")
    timezone: str = Field("UTC", description="Time zone in which days are counted, IANA name.")
    own_hosts: str = Field(
        "", description="Comma list of the company's own host names, for self-referrals."
    )
    phone_region: str = Field(
        "", description="ISO 3166 region of phone numbers written without a country code."
    )
    visit_gap: timedelta = Field(
        timedelta(minutes=30), description="Silence that ends a visit (seconds, or ISO 8601)."
    )
    shared_identifier_limit: int = Field(
        20, description="Known people one identifier may join before it counts as shared.", ge=1
    )
    rate_max_age_days: int = Field(
        7, description="Days an exchange rate stays good when its own day has none.", ge=0
    )
    maturity_threshold: float = Field(
        0.7,
        description="Share of the conversions expected of a spend that must have had time to "
        "happen; below it a row is marked too early to judge.",
        ge=0,
        le=1,
    )
    consent: Literal["ignore", "honour", "require"] = Field(
        "honour",
        description="Visitors' consent: ignore (signals are not looked at), honour (whoever "
        "declined is counted and not recognised), require (so is whoever did not agree).",
    )
    spam_referrers: Path | None = Field(
        None, description="File of further referrer hosts that are spam, one a line."
    )
    data_centres: bool = Field(
        False, description="Also take visits from rented machines for those of robots."
    )
    max_body_bytes: int = Field(
        5 * 2**20, description="Largest request body, bytes, before and after gunzip.", ge=1024
    )
    max_events: int = Field(10_000, description="Most events in one request.", ge=1)
    max_event_bytes: int = Field(32 * 1024, description="Largest single event, bytes.", ge=1024)
    queue_facts: int = Field(
        20_000, description="Facts that may wait for the writer; beyond it requests get 503.", ge=1
    )
    commit_facts: int = Field(5_000, description="Most facts in one transaction.", ge=1)
    follow_interval: timedelta = Field(
        timedelta(milliseconds=250),
        description="Shortest time between two refreshes of the mart (seconds, or ISO 8601).",
    )
    advertising_hashes: bool = Field(
        False,
        description="Whether the SHA-256 of e-mail addresses and phone numbers is kept, of people "
        "who agreed, so that ad platforms can match conversions by it.",
    )
    allow_private_addresses: bool = Field(
        False,
        description="Whether hooks and pulls may ask hosts of the own network, on any port, and "
        "this machine by plain http: for CRMs that run on the premises.",
    )
    push_interval: timedelta = Field(
        timedelta(minutes=15),
        description="Time between two pushes of conversions to the ad platforms (seconds, or "
        "ISO 8601).",
    )
    mart_memory: str = Field("2GB", description="Memory DuckDB may use, such as 2GB.")
    mart_threads: int = Field(0, description="Threads DuckDB may use; 0: all processors.", ge=0)

    pulls_file: Path | None = Field(
        None, description="TOML file of the scheduled pulls from ad platforms; empty: none."
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is not an IANA time zone; write it like Europe/Berlin")
        return value

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, value: str) -> str:
        if value.upper() not in MINOR_DIGITS:
            raise ValueError(f"{value!r} is not an ISO 4217 currency; write it like EUR")
        return value.upper()

    @field_validator("phone_region")
    @classmethod
    def _known_region(cls, value: str) -> str:
        if value and value.upper() not in SUPPORTED_REGIONS:
            raise ValueError(f"{value!r} is not an ISO 3166 country code; write it like PL")
        return value.upper()

    @field_validator("spam_referrers")
    @classmethod
    def _readable_file(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError(f"{value} is no file")
        return value

    @field_validator("secret")
    @classmethod
    def _long_secret(cls, value: str) -> str:
        if value and len(value) < 32:
            raise ValueError(
                "the secret needs 32 characters or more; make one with openssl rand -hex 32"
            )
        return value

    @property
    def ledger_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'ledger.sqlite3'}"

    @property
    def mart_file(self) -> Path:
        return self.mart_path or self.data_dir / "mart.duckdb"

    @property
    def public_url(self) -> str:
        return self.base_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def own_host_set(self) -> frozenset[str]:
        return frozenset(h.strip().lower() for h in self.own_hosts.split(",") if h.strip())

    @cached_property
    def secret_bytes(self) -> bytes:
        """The configured secret, or the one kept in the data folder (made there the first time)."""
        if self.secret:
            return self.secret.encode()
        path = self.data_dir / "secret"
        self.data_dir.mkdir(parents=True, exist_ok=True)
        try:
            with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
        except FileExistsError:
            pass  # another process made it first: both read the same file
        return path.read_text().strip().encode()

    def derived_secret(self, purpose: str) -> bytes:
        """32 bytes for one purpose (identifiers, sessions), so that no key serves two."""
        return hashlib.blake2b(
            purpose.encode(), key=self.secret_bytes[:64], digest_size=32
        ).digest()
