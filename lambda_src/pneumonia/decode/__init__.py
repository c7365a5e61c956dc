"""Decode untrusted bytes to one upright grey 8-bit image within limits, or refuse them. See `dispatch.decode`."""
