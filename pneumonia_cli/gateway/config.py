"""The configuration of a gateway: one TOML file, checked completely before anything starts."""

import dataclasses
import ipaddress
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints

PASSWORD_VARIABLE: Final = "PNEUMONIA_GATEWAY_PASSWORD"  # noqa: S105 - a name
"""Environment variable with the password for the DICOMweb server. The password is in no file."""

_URI: Final = re.compile(r"(https?://|urn:[a-z0-9-]+:)\S+")


class ConfigError(Exception):
    """The configuration cannot be used. The message names the setting and says what is wrong."""


@dataclass(frozen=True)
class Limits:
    """`[limits]`: how much the gateway accepts, and how long it tries."""

    workers: int = 2
    max_image_mb: int = 40
    max_queued: int = 10_000
    min_free_mb: int = 500
    first_retry_seconds: float = 5.0
    longest_retry_seconds: float = 600.0
    give_up_hours: float = 72.0


@dataclass(frozen=True)
class Listen:
    """`[listen]`: the DICOM node. Empty lists allow every sender. `peers` are addresses or networks."""

    ae_title: str = "PNEUMONIA"
    host: str = "0.0.0.0"  # noqa: S104 - other machines must reach the node  # nosec B104
    port: int = 11112
    calling_ae_titles: list[str] = field(default_factory=list)
    peers: list[str] = field(default_factory=list)
    max_associations: int = 10
    tls_certificate: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""


@dataclass(frozen=True)
class Predict:
    """`[predict]`: where the model is. `by` is `local` or `service`. The token is read from PNEUMONIA_TOKEN."""

    by: str = "local"
    stack: str = ""
    url: str = ""
    profile: str = ""
    region: str = ""
    no_sign_request: bool = False
    force: bool = False
    send_burned_in: bool = False
    patience_seconds: float = 120.0


@dataclass(frozen=True)
class Deliver:
    """`[deliver]`: where DICOM results go. `protocol`: `c-store` (a node), `stow-rs` (a DICOMweb server) or `none`."""

    protocol: str = "c-store"
    ae_title: str = ""
    host: str = ""
    port: int = 104
    tls: bool = False
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    url: str = ""
    username: str = ""
    timeout_seconds: float = 30.0


@dataclass(frozen=True)
class Fhir:
    """`[fhir]`: where FHIR transactions go: to the base `url` of a server, into a `folder`, or both.

    Without `url` and `folder` there are no transactions. `patient_system` is the URI of the system of the patient ids.
    """

    url: str = ""
    folder: str = ""
    patient_system: str = ""
    tls_ca: str = ""
    timeout_seconds: float = 30.0


@dataclass(frozen=True)
class Hl7:
    """`[hl7]`: where HL7 v2 messages go by MLLP. Without a `host` there are no messages.

    `sending_facility`, `receiving_application` and `receiving_facility` are MSH-4 to MSH-6.
    """

    host: str = ""
    port: int = 2575
    tls: bool = False
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""
    timeout_seconds: float = 30.0


@dataclass(frozen=True)
class Poll:
    """`[poll]`: a DICOMweb server that the gateway asks for new images. Without a `url` there is no polling."""

    url: str = ""
    username: str = ""
    seconds: float = 60.0
    days: int = 1
    modalities: list[str] = field(default_factory=lambda: ["CR", "DX"])
    timeout_seconds: float = 30.0


@dataclass(frozen=True)
class Metrics:
    """`[metrics]`: Prometheus metrics over HTTP. Port 0 turns them off."""

    host: str = "127.0.0.1"
    port: int = 0


@dataclass(frozen=True)
class Config:
    """The complete configuration. `state` is the folder with the queue and the key for pseudonyms."""

    state: Path
    listen: Listen = field(default_factory=Listen)
    predict: Predict = field(default_factory=Predict)
    deliver: Deliver = field(default_factory=Deliver)
    fhir: Fhir = field(default_factory=Fhir)
    hl7: Hl7 = field(default_factory=Hl7)
    poll: Poll = field(default_factory=Poll)
    limits: Limits = field(default_factory=Limits)
    metrics: Metrics = field(default_factory=Metrics)


def load(path: Path) -> Config:
    """Read and check a configuration file. Raises ConfigError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"Cannot read {path} ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a valid TOML file: {error}") from error
    return parse(document)


def parse(document: dict[str, Any]) -> Config:
    """Check a parsed document and return the configuration. Raises ConfigError."""
    sections = {name: kind for name, kind in get_type_hints(Config).items() if name != "state"}
    unknown = set(document) - set(sections) - {"state"}
    if unknown:
        raise ConfigError(f"Unknown setting {sorted(unknown)[0]}. Known settings: state, {', '.join(sections)}.")
    state = document.get("state")
    if not isinstance(state, str) or not state:
        raise ConfigError('state must name the folder of the queue, such as state = "/var/lib/pneumonia-gateway".')
    config = Config(
        Path(state), **{name: _section(name, kind, document.get(name, {})) for name, kind in sections.items()}
    )
    _check(config)
    return config


def _section(name: str, kind: type, given: Any) -> Any:
    if not isinstance(given, dict):
        raise ConfigError(f"{name} must be a section: [{name}].")
    wanted = get_type_hints(kind)
    for key, value in given.items():
        if key not in wanted:
            raise ConfigError(f"Unknown setting {name}.{key}. Known settings of [{name}]: {', '.join(wanted)}.")
        if not _fits(value, wanted[key]):
            raise ConfigError(f"{name}.{key} must be {_in_words(wanted[key])}, not {value!r}.")
    return kind(**given)


def _fits(value: Any, kind: Any) -> bool:
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_fits(item, get_args(kind)[0]) for item in value)
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, int | float) if kind is float else isinstance(value, kind)


def _in_words(kind: Any) -> str:
    words = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}
    return words.get(kind, "a list of strings")


def _check(config: Config) -> None:
    listen, predict, deliver, poll, limits = config.listen, config.predict, config.deliver, config.poll, config.limits
    fhir, hl7 = config.fhir, config.hl7
    for where, title in [
        ("listen.ae_title", listen.ae_title),
        *(("listen.calling_ae_titles", t) for t in listen.calling_ae_titles),
    ]:
        _check_title(where, title)
    for peer in listen.peers:
        try:
            ipaddress.ip_network(peer, strict=False)
        except ValueError:
            raise ConfigError(
                f"listen.peers: {peer!r} is neither an IP address nor a network such as 10.1.0.0/16."
            ) from None
    if bool(listen.tls_certificate) != bool(listen.tls_key):
        raise ConfigError("Set both listen.tls_certificate and listen.tls_key, or neither.")
    if listen.tls_client_ca and not listen.tls_certificate:
        raise ConfigError("listen.tls_client_ca needs listen.tls_certificate and listen.tls_key.")
    if predict.by not in ("local", "service"):
        raise ConfigError(f"predict.by must be local or service, not {predict.by!r}.")
    if predict.by == "service" and not (predict.stack or predict.url):
        raise ConfigError("With predict.by = service, set predict.stack or predict.url.")
    if deliver.protocol == "c-store":
        if not deliver.host:
            raise ConfigError("deliver.host must be the host name or address of the node that results are sent to.")
        _check_title("deliver.ae_title", deliver.ae_title)
    elif deliver.protocol == "stow-rs":
        _check_url("deliver.url", deliver.url)
    elif deliver.protocol != "none":
        raise ConfigError(f"deliver.protocol must be c-store, stow-rs or none, not {deliver.protocol!r}.")
    elif not (fhir.url or fhir.folder or hl7.host):
        raise ConfigError("With deliver.protocol = none, set fhir.url, fhir.folder or hl7.host as the destination.")
    if fhir.url:
        _check_url("fhir.url", fhir.url)
    if fhir.patient_system and not _URI.fullmatch(fhir.patient_system):
        raise ConfigError(f"fhir.patient_system: {fhir.patient_system!r} is not a URI such as urn:oid:1.2.3.")
    for name in ("sending_facility", "receiving_application", "receiving_facility"):
        value = getattr(hl7, name)
        if len(value) > 20 or not value.isprintable() or any(char in "|^~\\&" for char in value):
            raise ConfigError(f"hl7.{name}: {value!r} must have at most 20 characters and none of | ^ ~ \\ &.")
    if hl7.tls_key and not hl7.tls_certificate:
        raise ConfigError("hl7.tls_key needs hl7.tls_certificate.")
    if not hl7.tls and (hl7.tls_ca or hl7.tls_certificate):
        raise ConfigError("hl7.tls_ca and hl7.tls_certificate need hl7.tls = true.")
    if poll.url:
        _check_url("poll.url", poll.url)
    for section in (limits, listen, predict, deliver, fhir, hl7, poll):
        for entry in dataclasses.fields(section):
            value = getattr(section, entry.name)
            if (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and not 0 < value < 1e9
                and entry.name != "port"
            ):
                raise ConfigError(f"{type(section).__name__.lower()}.{entry.name} must be above 0 and below 1e9.")
    ports = {"listen": listen.port, "deliver": deliver.port, "hl7": hl7.port, "metrics": config.metrics.port}
    for where, port in ports.items():
        if not 0 <= port <= 65_535:
            raise ConfigError(f"{where}.port must be between 0 and 65535.")


def _check_title(where: str, title: str) -> None:
    if not 1 <= len(title.strip()) <= 16 or not title.isascii() or not title.isprintable() or "\\" in title:
        raise ConfigError(f"{where}: {title!r} is not an AE title: 1 to 16 ASCII characters without a backslash.")


def _check_url(where: str, url: str) -> None:
    if not url.startswith(("https://", "http://")):
        raise ConfigError(f"{where} must be a URL that begins with https:// or http://.")
