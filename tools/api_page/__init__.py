"""Generate GET /docs, the description of the API for people: `make openapi` writes the file that ships."""
