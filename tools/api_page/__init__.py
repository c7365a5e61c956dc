"""Generate GET /docs, the reference of the API as a web page. `make openapi` writes the file that ships."""
