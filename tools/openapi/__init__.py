"""Generate the OpenAPI description of the API. `make openapi` writes the shipped file."""
