from pathlib import Path
from typing import Any

import pytest

from pneumonia.decode.limits import Limits
from pneumonia_cli.gateway.config import ConfigError, load, parse

GOOD: dict[str, Any] = {"state": "/tmp/state", "deliver": {"host": "pacs", "ae_title": "PACS"}}  # noqa: S108
ROOT = Path(__file__).parents[2]


def test_minimal_configuration() -> None:
    config = parse(GOOD)
    assert (config.listen.ae_title, config.predict.by, config.deliver.protocol) == ("PNEUMONIA", "local", "c-store")
    assert config.poll.url == ""


def test_reports_need_no_pacs() -> None:
    for section in (
        {"fhir": {"url": "https://records.example/fhir"}},
        {"fhir": {"folder": "/x"}},
        {"hl7": {"host": "ris"}},
    ):
        config = parse({"state": "/x", "deliver": {"protocol": "none"}, **section})
        assert config.deliver.protocol == "none"


def test_the_example_is_valid() -> None:
    config = load(ROOT / "deploy/gateway/gateway.toml")
    assert config.listen.calling_ae_titles


def test_images_that_the_service_accepts_by_default_are_accepted() -> None:
    """Plates of CR and DX have 30 MB. Aborting the association at one of them also loses the others of the study."""
    for config in (parse(GOOD), load(ROOT / "deploy/gateway/gateway.toml")):
        assert config.limits.max_image_mb * 1_000_000 >= Limits().max_image_bytes


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"state": 5}, "state must name"),
        ({"lisen": {}}, "Unknown setting lisen"),
        ({"listen": {"prot": 5}}, "Unknown setting listen.prot"),
        ({"listen": {"port": "104"}}, "listen.port must be a whole number"),
        ({"listen": {"port": True}}, "listen.port must be a whole number"),
        ({"listen": {"port": 70000}}, "between 0 and 65535"),
        ({"listen": {"peers": "10.0.0.1"}}, "must be a list of strings"),
        ({"listen": {"peers": ["10.0.0.300"]}}, "neither an IP address nor a network"),
        ({"listen": {"ae_title": "A" * 17}}, "not an AE title"),
        ({"listen": {"calling_ae_titles": [""]}}, "not an AE title"),
        ({"listen": {"tls_key": "k"}}, "Set both"),
        ({"listen": {"tls_client_ca": "c"}}, "needs listen.tls_certificate"),
        ({"predict": {"by": "magic"}}, "local or service"),
        ({"predict": {"by": "service"}}, "set predict.stack or predict.url"),
        ({"predict": {"force": 1}}, "true or false"),
        ({"deliver": {"ae_title": "PACS"}}, "deliver.host"),
        ({"deliver": {"protocol": "ftp"}}, "c-store, stow-rs or none"),
        ({"deliver": {"protocol": "stow-rs", "url": "pacs"}}, "https://"),
        ({"deliver": {"protocol": "none"}}, "set fhir.url, fhir.folder or hl7.host"),
        ({"fhir": {"url": "records"}}, "https://"),
        ({"fhir": {"patient_system": "hospital"}}, "is not a URI"),
        ({"fhir": {"timeout_seconds": 0}}, "fhir.timeout_seconds must be above 0"),
        ({"hl7": {"port": 70000}}, "between 0 and 65535"),
        ({"hl7": {"receiving_facility": "A|B"}}, "none of "),
        ({"hl7": {"sending_facility": "A" * 21}}, "at most 20"),
        ({"hl7": {"tls_ca": "c"}}, "need hl7.tls"),
        ({"hl7": {"tls": True, "tls_key": "k"}}, "needs hl7.tls_certificate"),
        ({"poll": {"url": "pacs"}}, "https://"),
        ({"limits": {"workers": 0}}, "limits.workers must be above 0"),
        ({"limits": []}, "must be a section"),
    ],
)
def test_wrong_settings_are_named(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse({**GOOD, **change})


def test_missing_and_invalid_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Cannot read"):
        load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("state = ", encoding="utf-8")
    with pytest.raises(ConfigError, match="not a valid TOML file"):
        load(tmp_path / "bad.toml")
