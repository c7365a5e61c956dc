"""Connections to DICOMweb servers."""

import os
from urllib.parse import urlsplit

import requests
from dicomweb_client.api import DICOMwebClient

from pneumonia_cli.gateway.config import PASSWORD_VARIABLE


def web_client(url: str, username: str, timeout_seconds: float) -> DICOMwebClient:
    """Return a client of a DICOMweb server. With a user name, the password is read from the environment."""
    session = requests.Session()
    if username:
        session.auth = (username, os.environ.get(PASSWORD_VARIABLE, ""))
    client = DICOMwebClient(url.rstrip("/"), session=session, timeout=timeout_seconds)
    # By default the client sends a Host header without the port, which a strict server would refuse.
    client.host = urlsplit(url).netloc.rpartition("@")[2]
    client.set_http_retry_params(retry=False)  # the queue tries again, with longer waits each time
    return client
