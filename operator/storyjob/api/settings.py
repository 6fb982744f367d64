"""The operator's and the sidecar's settings, all from the environment (prefix STORYJOB_)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

LONGEST_LEASE_SECONDS = 120
"""No Lease is waited for longer, whatever somebody wrote into it."""

HostList = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """Read once at start. A wrong value stops the process with the variable's name in the message."""

    model_config = SettingsConfigDict(env_prefix="STORYJOB_", frozen=True)

    namespace: str = Field("storyjob-system", description="The operator's own namespace.")
    watch_namespaces: HostList = Field((), description="Namespaces to serve, comma-separated; all when empty.")

    s3_bucket: str = Field(description="Bucket that everything is stored in.")
    s3_prefix: str = Field("storyjob", description="First part of all keys.")
    s3_endpoint: str | None = Field(None, description="S3 endpoint; AWS when absent.")
    s3_public_endpoint: str | None = Field(None, description="Endpoint as providers see it, for links to our files.")
    s3_region: str = Field("us-east-1", description="Region for signing.")
    s3_access_key_id: SecretStr | None = Field(None, description="Key id; the AWS chain when absent.")
    s3_secret_access_key: SecretStr | None = Field(None, description="Secret key; the AWS chain when absent.")
    shared_prefixes: HostList = Field((), description="s3:// prefixes that `source` may read besides the namespace's.")

    callback_url: str | None = Field(None, description="Public base URL of the sidecar; providers are polled without.")
    allowed_hosts: HostList = Field((), description="host or host:port that may be private or plain http.")

    webhook_host: str = Field("0.0.0.0", description="Address of the public port.")  # noqa: S104
    webhook_port: int = Field(8080, ge=1, le=65535, description="Public port: callbacks only.")
    internal_host: str = Field("0.0.0.0", description="Address of the internal port.")  # noqa: S104
    internal_port: int = Field(8081, ge=1, le=65535, description="Sidecar's port for probes, metrics and the API.")
    metrics_host: str = Field("0.0.0.0", description="Address of the operator's own probes and metrics.")  # noqa: S104
    metrics_port: int = Field(8082, ge=1, le=65535, description="Operator's port for probes and metrics.")

    work_dir: Path | None = Field(None, description="Folder for media under way; the system's temp folder when absent.")
    max_image_bytes: int = Field(50_000_000, description="Largest picture taken.")
    max_audio_bytes: int = Field(100_000_000, description="Largest narration taken.")
    max_video_bytes: int = Field(2_000_000_000, description="Largest clip taken.")
    download_seconds: float = Field(600, description="Longest download.")
    downloads: int = Field(8, ge=1, le=256, description="Downloads and uploads at once.")
    shelf_bytes: int = Field(
        536_870_912, ge=0, description="Local disk for files just stored, so that they are not downloaded again."
    )
    renders: int = Field(1, ge=1, le=64, description="ffmpeg processes at once.")

    film_runner: Literal["InProcess", "Job"] = Field(
        "InProcess", description="Where films are made: by the operator itself, or each by a Kubernetes Job."
    )
    film_pod: dict[str, Any] | None = Field(
        None, validate_default=True, description="Pod template of film Jobs, as JSON; its first container makes films."
    )
    film_queue: str | None = Field(None, max_length=63, description="Kueue's LocalQueue for film Jobs.")
    film_deadline_seconds: int = Field(7200, ge=1, description="Longest that a film Job may take.")
    film_backoff_limit: int = Field(2, ge=0, le=10, description="Pods of one film Job that may fail before it does.")
    film_ttl_seconds: int = Field(3600, ge=0, description="How long an ended film Job stays to be looked at.")

    instance: str | None = Field(
        None, max_length=200, description="Names this replica among the others; its host name when absent."
    )
    lease_name: str = Field("storyjob-operator", description="Lease of the operator's namespace that its leader holds.")
    lease_seconds: float = Field(
        15, ge=3, le=LONGEST_LEASE_SECONDS, description="After this long without a word another replica leads."
    )

    resync_seconds: float = Field(300, gt=0, description="How often the cache is compared with a full list.")
    orphan_seconds: float = Field(60, ge=0, description="Margin after a submit's timeout until its outcome is unknown.")
    shutdown_grace_seconds: float = Field(120, ge=0, description="How long paid calls under way may finish.")
    log_format: str = Field("text", pattern="^(text|json)$", description="text or json.")

    @field_validator("watch_namespaces", "shared_prefixes", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("film_pod")
    @classmethod
    def _has_a_container(cls, value: dict[str, Any] | None, info: ValidationInfo) -> dict[str, Any] | None:
        if info.data.get("film_runner") != "Job":
            return value
        containers = ((value or {}).get("spec") or {}).get("containers")
        if not isinstance(containers, list) or not containers or not all(isinstance(each, dict) for each in containers):
            raise ValueError("with STORYJOB_FILM_RUNNER=Job it must be a pod template whose spec has a container")
        return value
