"""Check the TLS files that a configuration names, before anything starts."""

import ssl
from typing import Any

from pneumonia_cli.gateway.config import Config, ConfigError


def check_certificates(config: Config) -> None:
    """Raise ConfigError, naming the setting, if one of the files cannot be used.

    Without this check the gateway would accept images and then fail to deliver every result.
    """
    sections: dict[str, Any] = {
        "listen": config.listen,
        "deliver": config.deliver,
        "fhir": config.fhir,
        "hl7": config.hl7,
    }
    for name, section in sections.items():
        for setting in ("tls_ca", "tls_client_ca"):
            file = getattr(section, setting, "")
            if file:
                _check_authority(f"{name}.{setting}", file)
        certificate = getattr(section, "tls_certificate", "")
        if certificate:
            _check_chain(name, certificate, section.tls_key)


def _check_authority(where: str, file: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except OSError as error:  # ssl.SSLError is a subclass
        raise ConfigError(f"{where}: {file} cannot be used ({_why(error)}).") from None


def _check_chain(section: str, certificate: str, key: str) -> None:
    try:
        # Without a password, OpenSSL would ask for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key or None, password=lambda: "")
    except OSError as error:
        files = f"{certificate} and {key}" if key else certificate
        raise ConfigError(
            f"{section}.tls_certificate and {section}.tls_key: {files} cannot be used ({_why(error)})."
        ) from None


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "it is not a certificate, or the key does not match or has a password"
    return error.strerror or type(error).__name__
