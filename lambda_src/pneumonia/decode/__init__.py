"""Bytes of unknown origin to one upright grey 8-bit image, within limits, or a clear refusal: see `dispatch.decode`."""
