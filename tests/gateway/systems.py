"""Run real systems: Orthanc with its DICOMweb plugin, and the programs of dcmtk."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image

from tests.dicom_out.films import dicom_film
from tests.ports import unused_port

ROOT = Path(__file__).parents[2]
_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_ORTHANC = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
needs_orthanc = pytest.mark.skipif(
    _ORTHANC is None or not _PLUGIN.exists(), reason="Orthanc is not installed (Debian: orthanc, orthanc-dicomweb)"
)
needs_dcmtk = pytest.mark.skipif(
    not all(map(shutil.which, ("storescu", "dcmqrscp", "echoscu"))), reason="dcmtk is not installed (Debian: dcmtk)"
)

_FORWARD = """
function OnStoredInstance(instanceId, tags, metadata, origin)
  local radiograph = tags['Modality'] == 'CR' or tags['Modality'] == 'DX'
  if radiograph and tags['Manufacturer'] ~= 'pneumonia-inference' then
    SendToModality(instanceId, 'pneumonia')
  end
end
"""
"""As in docs/hospital.md."""


def sample_image(name: str, **elements: Any) -> bytes:
    """Return a CR image with the pixels of a synthetic sample, which shows no real patient."""
    pixels = np.asarray(Image.open(ROOT / "samples" / name).convert("L"))
    bits = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    return dicom_film(pixels=pixels, **bits, **elements)


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc. `web` is the root of its DICOMweb server."""

    http: str
    port: int

    @property
    def web(self) -> str:
        return f"{self.http}/dicom-web"

    def instances(self, **tags: str) -> list[dict[str, Any]]:
        """Return the main tags of all instances that match `tags`."""
        query = {"Level": "Instance", "Query": tags, "Expand": True}
        return [self._tags(found["ID"]) for found in self._post("/tools/find", query)]

    def add(self, image: bytes) -> None:
        response = requests.post(f"{self.http}/instances", data=image, timeout=120)
        response.raise_for_status()

    def file(self, sop_instance_uid: str) -> bytes:
        (found,) = self._post("/tools/lookup", sop_instance_uid, raw=True)
        return requests.get(f"{self.http}/instances/{found['ID']}/file", timeout=120).content

    def _tags(self, identifier: str) -> dict[str, Any]:
        tags = requests.get(f"{self.http}/instances/{identifier}/simplified-tags", timeout=120).json()
        assert isinstance(tags, dict)
        return tags

    def _post(self, path: str, body: Any, *, raw: bool = False) -> Any:
        response = requests.post(f"{self.http}{path}", data=body if raw else json.dumps(body), timeout=120)
        response.raise_for_status()
        return response.json()


@contextmanager
def orthanc(
    folder: Path,
    gateway_port: int,
    *,
    forwards: bool,
    script: str = _FORWARD,
    more: Mapping[str, Any] | None = None,
) -> Iterator[Orthanc]:
    """Run an Orthanc. `forwards`: whether a Lua script forwards radiographs, as in docs/hospital.md. `more`: further
    settings of Orthanc."""
    folder.mkdir()
    (folder / "forward.lua").write_text(script, encoding="utf-8")
    http_port, dicom_port = unused_port(), unused_port()
    settings = {
        "Name": "test",
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "HttpPort": http_port,
        "DicomPort": dicom_port,
        "DicomAet": "ORTHANC",
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowStore": True,
        "OverwriteInstances": False,
        "DicomModalities": {"pneumonia": ["PNEUMONIA", "127.0.0.1", gateway_port]},
        "LuaScripts": [str(folder / "forward.lua")] if forwards else [],
        "Plugins": [str(_PLUGIN)],
        **(more or {}),
    }
    (folder / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(_ORTHANC), str(folder / "orthanc.json")], stdout=log, stderr=log)
        running = Orthanc(f"http://127.0.0.1:{http_port}", dicom_port)
        try:
            _wait(f"{running.http}/system", process, folder / "log")
            yield running
        finally:
            process.terminate()
            process.wait(120)


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + 120
    while True:
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.RequestException:
            pass
        if process.poll() is not None or time.monotonic() > end:
            raise AssertionError(log.read_text(errors="replace")[-2000:])
        time.sleep(0.1)


def storescu(port: int, folder: Path, *images: bytes, called: str = "PNEUMONIA") -> int:
    """Send images with dcmtk's storescu. Returns its exit code."""
    folder.mkdir(exist_ok=True)
    paths = []
    for number, image in enumerate(images):
        paths.append(folder / f"{number}.dcm")
        paths[-1].write_bytes(image)
    command = ["storescu", "-aet", "MODALITY", "-aec", called, "127.0.0.1", str(port), *map(str, paths)]
    return subprocess.run(command, check=False, capture_output=True, timeout=300).returncode


@contextmanager
def dcmqrscp(folder: Path) -> Iterator[tuple[int, Path]]:
    """Run dcmtk's archive. Yields its port and the folder of its files."""
    store = folder / "archive"
    store.mkdir(parents=True)
    port = unused_port()
    (folder / "dcmqrscp.cfg").write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nPACS {store} RW (500, 1024mb) ANY\nAETable END\n",
        encoding="utf-8",
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["dcmqrscp", "--config", str(folder / "dcmqrscp.cfg"), str(port)], stdout=log, stderr=log
        )
        try:
            end = time.monotonic() + 120
            while subprocess.run(
                ["echoscu", "-aec", "PACS", "127.0.0.1", str(port)], check=False, capture_output=True
            ).returncode:
                assert process.poll() is None, (folder / "log").read_text(errors="replace")
                assert time.monotonic() < end
                time.sleep(0.1)
            yield port, store
        finally:
            process.terminate()
            process.wait(120)
