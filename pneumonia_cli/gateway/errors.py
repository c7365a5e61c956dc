"""What can go wrong with one image on its way through the gateway."""


class TryAgain(Exception):
    """Not the image's fault, and likely to pass: the network, the service, the PACS. The message may be logged."""


class GiveUp(Exception):
    """No attempt can succeed. The message may be logged, and stands in the folder of what failed."""
