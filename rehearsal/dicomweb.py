"""Send a DICOM instance by STOW-RS to the Function URL of a deployed service, and get the result."""

from typing import Any, Final

import requests

from rehearsal.deployed_stack import until
from rehearsal.proof import Proofs, require

_BOUNDARY: Final = "part-of-the-rehearsal"
_RETRIEVE_URL, _REFERENCED, _INSTANCE = "00081190", "00081199", "00081155"


def store(proofs: Proofs, url: str, token: str, data: bytes, sop_instance_uid: str) -> None:
    """Store an instance, wait for its result, and store it again. `data`: the DICOM file. `url`: URL of the service."""
    with proofs.step("A DICOM instance stored by STOW-RS is predicted, and has the same result again") as proof:
        first = _stored(url, token, data, sop_instance_uid)
        result: dict[str, Any] = {}

        def came() -> bool:
            answer = _get(first, token)
            result.update(answer.json())
            return answer.status_code == 200

        until(came, "there is no result")
        require(result["status"] == "predicted", f"the result is {result}")
        require(
            result["image"]["sop_instance_uid"] == sop_instance_uid, f"the result belongs to another instance: {result}"
        )
        again = _get(_stored(url, token, data, sop_instance_uid), token)
        require(again.status_code == 200, f"the second request returned {again.status_code}")
        require(again.json()["request_id"] == result["request_id"], "the instance was predicted twice")
        proof.seen = f"{result['triage']}, at the RetrieveURL of both responses"


def _stored(url: str, token: str, data: bytes, sop_instance_uid: str) -> str:
    """Store an instance and return its RetrieveURL."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}',
    }
    head, tail = f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n", f"\r\n--{_BOUNDARY}--\r\n"
    body = head.encode() + data + tail.encode()
    answer = requests.post(f"{url.rstrip('/')}/studies", data=body, headers=headers, timeout=60)
    require(answer.status_code == 200, f"STOW-RS returned {answer.status_code}: {answer.text}")
    (item,) = answer.json()[_REFERENCED]["Value"]
    require(item[_INSTANCE]["Value"] == [sop_instance_uid], f"another instance was stored: {item}")
    return str(item[_RETRIEVE_URL]["Value"][0])


def _get(address: str, token: str) -> requests.Response:
    return requests.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=60)
