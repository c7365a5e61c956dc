"""Generate GET /docs, the reference of the API for people. `make openapi` writes the file that ships."""
