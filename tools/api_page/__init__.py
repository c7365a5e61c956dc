"""Generate the page of GET /docs, the reference of the API. `make openapi` writes the shipped file."""
