"""The step of the rehearsal that stores an instance, against the local cloud instead of a deployed stack."""

import pytest
from rich.console import Console

from rehearsal import dicomweb
from rehearsal.proof import NotShown, Proofs
from rehearsal.receivers import INSTANCE, dicom_of
from tests.integration.doors import OpenDoor

pytestmark = pytest.mark.slow


def test_an_instance_is_stored_and_a_wrong_one_is_noticed(open_door: OpenDoor) -> None:
    data = dicom_of("pneumonia-1")
    with open_door("token") as door, door.poller.running():
        proofs = Proofs(Console(quiet=True))
        dicomweb.store(proofs, door.url, door.token, data, INSTANCE)
        assert proofs.rows[0].shown
        for given, uid in ((data, "1.2.3"), (data[:-1000], INSTANCE)):
            with pytest.raises(NotShown):
                dicomweb.store(proofs, door.url, door.token, given, uid)
