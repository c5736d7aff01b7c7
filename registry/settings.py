"""Settings: environment variables with the prefix `REGISTRY_`, a `.env` file, or `registry.toml`.

Read by bootstrap and the command line only; flows get values.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from registry.consent.receipt import UNNAMED, Controller
from registry.keys.certificates import CertifiedChain
from registry.keys.key_file import KeyFile
from registry.model.errors import SettingInvalid


class Settings(BaseSettings):
    """Everything that can be set; each has a safe default, so that none needs to be."""

    model_config = SettingsConfigDict(
        env_prefix="REGISTRY_", env_file=".env", env_ignore_empty=True, toml_file="registry.toml", extra="ignore"
    )

    data_dir: Path = Field(Path("registry-data"), description="Folder of the embedded databases and the KEK file.")
    database_url: str | None = Field(
        None, description="SQLAlchemy URL of the data database; SQLite in the data folder if unset."
    )
    keystore_url: str | None = Field(
        None, description="SQLAlchemy URL of the keystore; SQLite in the data folder if unset."
    )
    kms_url: str | None = Field(
        None, description="Key service: file:///path, transit+https://host/mount or aws-kms://region."
    )
    policies: Path | None = Field(
        None, description="Folder of policy files that override the shipped ones, file by file."
    )
    connectors: Path | None = Field(
        None, description="Folder of reviewed descriptions of systems outside, which requests reach, too."
    )
    controller: str = Field(UNNAMED, description="Name in certificates and receipts.")
    controller_address: str = Field("not stated", description="The controller's postal address, for receipts.")
    controller_contact: str = Field("not stated", description="Where a person reaches the controller.")
    representative: str = Field(
        "not stated",
        description="Representative in the Union (GDPR Art. 27), for records of processing.",
    )
    data_protection_officer: str = Field("not stated", description="Name and contact, for records of processing.")
    transfers: str = Field(
        "not stated", description="Transfers to third countries and their safeguards, for records of processing."
    )
    privacy_notice: str = Field("not stated", description="URL of the privacy notice, for receipts.")
    withdrawal_method: str = Field("not stated", description="How a person withdraws consent, for receipts.")
    storage_locations: str = Field("not stated", description="Where data is kept, comma-separated, for receipts.")
    jurisdiction: str = Field("gdpr", description="Law of `jurisdictions.yaml` for requests that name none.")
    host: str = Field("127.0.0.1", description="Address that the server listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port that the server listens on; 0 picks a free one.")
    max_event_bytes: int = Field(32 * 1024, ge=1024, description="Largest event, in bytes of JSON.")
    max_batch_bytes: int = Field(500 * 1024, ge=1024, description="Largest batch, in bytes after decompression.")
    max_import_bytes: int = Field(4 * 1024 * 1024, ge=1024, description="Largest import, in bytes.")
    max_batch_events: int = Field(2500, ge=1, description="Most events in one batch.")
    cors_origins: str = Field(
        "*", description="Origins whose pages may send events, or show people their choices, comma-separated."
    )
    spaces_api: bool = Field(
        False,
        description="Whether Segment's Profile API (identifiers in URLs) and its deletion API are answered.",
    )
    plain_http_hosts: str = Field(
        "localhost,127.0.0.1,::1",
        description="Hosts that webhooks and destinations may reach without TLS, comma-separated.",
    )
    violation_alert_per_minute: int = Field(
        60, ge=1, description="Violations a minute from one source above which webhooks are told."
    )
    retention_every_hours: int = Field(24, ge=1, description="Hours between two sweeps of retention.")
    mail_url: str | None = Field(
        None, description="Mail to people: smtp://user:password@host:587, smtps://host:465 or spool:///folder."
    )
    mail_from: str = Field("registry@localhost", description="Sender of mail to people.")
    opendsr_certificate: Path | None = Field(
        None, description="PEM chain, issued by an authority, that OpenDSR answers are signed by; else one of our own."
    )
    opendsr_key: Path | None = Field(None, description="PEM file of its RSA key, which its owner alone may read.")
    officers_mail: str | None = Field(
        None, description="Mailboxes of officers, comma-separated, that are told of deadlines; ids and counts only."
    )
    public_url: str | None = Field(
        None,
        description="Where the server is reached from outside: for links in mail (without it, mail holds codes only), "
        "and as the host name that OpenDSR answers are signed for.",
    )
    processors: Path | None = Field(
        None, description="File of OpenDSR processors that requests are sent on to, as processors.schema.json says."
    )
    logins: Path | None = Field(
        None,
        description="File of OpenID Connect issuers whose tokens tell who a person is, as logins.schema.json says.",
    )
    log_decisions: float = Field(
        0, ge=0, le=1, description="Share of consent decisions that go to the audit log: 0 for none, 1 for all."
    )
    people_in_memory: int = Field(
        2_000_000,
        ge=0,
        description="Most people whose consent one server process holds in memory, 150 to 270 bytes each; 0 for none.",
    )
    log_level: str = Field("info", description="debug, info, warning or error.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is said in code wins over the environment, that over `.env`, that over the TOML file."""
        toml = TomlConfigSettingsSource(settings_cls)
        return init_settings, env_settings, dotenv_settings, toml, file_secret_settings

    @property
    def plain_hosts(self) -> frozenset[str]:
        """The hosts that may be sent to without TLS."""
        return frozenset(filter(None, self.plain_http_hosts.split(",")))

    def stated_controller(self) -> Controller:
        """Who answers for the processing, as certificates, receipts and records of processing say."""
        return Controller(
            name=self.controller,
            address=self.controller_address,
            contact=self.controller_contact,
            privacy_notice=self.privacy_notice,
            withdrawal_method=self.withdrawal_method,
            storage_locations=tuple(filter(None, self.storage_locations.split(","))),
            representative=self.representative,
            data_protection_officer=self.data_protection_officer,
            transfers=self.transfers,
        )

    def opendsr_chain(self, at: datetime) -> CertifiedChain | None:
        """The certificate that an authority issued for the host name of `public_url`, with its key; None without one.

        Raises:
            SettingInvalid: a file cannot be read, or the certificate is not valid, of another host or of another key.
            KeyFileInsecure: others may read the key's file.
        """
        if self.opendsr_certificate is None:
            return None
        domain = urlsplit(self.public_url or "").hostname
        if domain is None or self.opendsr_key is None:
            raise SettingInvalid("opendsr_certificate needs opendsr_key and public_url", pointer="opendsr_certificate")
        key, _ = KeyFile(self.opendsr_key).read()
        try:
            return CertifiedChain.read(self.opendsr_certificate.read_bytes(), key, domain, at)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise SettingInvalid(f"the certificate for OpenDSR: {reason}", pointer="opendsr_certificate") from None

    def resolved_database_url(self) -> str:
        """The data database's URL."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'registry.db'}"

    def resolved_keystore_url(self) -> str:
        """The keystore's URL."""
        return self.keystore_url or f"sqlite:///{self.data_dir.absolute() / 'keys.db'}"

    def resolved_kms_url(self) -> str:
        """The key service's URL."""
        return self.kms_url or f"file://{self.data_dir.absolute() / 'kek.json'}"

    def resolved_mail_url(self) -> str:
        """The mail service's URL: a folder beside the data where none is named."""
        return self.mail_url or f"spool://{self.data_dir.absolute() / 'mail'}"
