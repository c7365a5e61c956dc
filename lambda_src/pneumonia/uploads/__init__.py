"""Uploads and their results: events, keys, the result document, and the order of writes to the results bucket."""
