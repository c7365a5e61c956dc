"""Errors of one image on its way through the gateway."""


class TryAgain(Exception):
    """A temporary failure of the network, the service or the PACS. The message may be logged."""


class GiveUp(Exception):
    """No further attempt can succeed. The message may be logged, and is kept in the folder `failed`."""
