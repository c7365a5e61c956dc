"""The files of TLS that a configuration names, read once before anything starts."""

import ssl
from typing import Any

from pneumonia_cli.gateway.config import Config, ConfigError


def check_certificates(config: Config) -> None:
    """Raise ConfigError, which names the setting, if one of the files cannot be used.

    Else the gateway would take images in, and find out at the first result, again and again until it gives them up.
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
    except OSError as error:  # of ssl as well
        raise ConfigError(f"{where}: {file} cannot be used ({_why(error)}).") from None


def _check_chain(section: str, certificate: str, key: str) -> None:
    try:
        # Without a password here, OpenSSL would ask for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key or None, password=lambda: "")
    except OSError as error:
        files = f"{certificate} and {key}" if key else certificate
        raise ConfigError(
            f"{section}.tls_certificate and {section}.tls_key: {files} cannot be used ({_why(error)})."
        ) from None


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "no certificate, or no key that belongs to it and has no password"
    return error.strerror or type(error).__name__
