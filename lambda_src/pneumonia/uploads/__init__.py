"""Uploads and their results: events, keys, the result document, and the order in which results are stored."""
