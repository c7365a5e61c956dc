from pathlib import Path
from typing import Any

import pytest

from pneumonia_cli.gateway.certificates import check_certificates
from pneumonia_cli.gateway.config import ConfigError, parse
from tests.gateway.conftest import Command
from tests.gateway.test_config import GOOD


@pytest.mark.parametrize(
    ("section", "settings", "named"),
    [
        ("fhir", {"url": "https://records.example/fhir", "tls_ca": "FILE"}, "fhir.tls_ca"),
        ("hl7", {"host": "ris.example", "tls": True, "tls_ca": "FILE"}, "hl7.tls_ca"),
        ("hl7", {"host": "ris.example", "tls": True, "tls_certificate": "FILE"}, "hl7.tls_certificate"),
        ("deliver", {**GOOD["deliver"], "tls": True, "tls_ca": "FILE"}, "deliver.tls_ca"),
        ("listen", {"tls_certificate": "FILE", "tls_key": "FILE"}, "listen.tls_certificate"),
    ],
)
def test_an_unusable_file_is_named(section: str, settings: dict[str, Any], named: str, tmp_path: Path) -> None:
    file = tmp_path / "file.pem"
    config = parse({**GOOD, section: {k: str(file) if v == "FILE" else v for k, v in settings.items()}})
    with pytest.raises(ConfigError, match=rf"{named}.*file\.pem.*No such file"):
        check_certificates(config)
    file.write_text("no certificate")
    with pytest.raises(ConfigError, match=rf"{named}.*file\.pem.*not a certificate"):
        check_certificates(config)


def test_unusable_files_are_reported_at_the_start(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(
        f'state = "{tmp_path / "state"}"\ndeliver = {{ protocol = "none" }}\n'
        'fhir = { url = "https://records.example/fhir", tls_ca = "/none.pem" }\n'
    )
    ran = command("gateway", "--config", path)
    assert ran.code == 2
    assert "fhir.tls_ca: /none.pem cannot be used (No such file or directory)." in ran.err.replace("\n", " ")
    assert not (tmp_path / "state").exists()
