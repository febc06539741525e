"""The calls of the API, from a request to its response: POST `:predict`, `:classify`, `:regress`, and GET."""
