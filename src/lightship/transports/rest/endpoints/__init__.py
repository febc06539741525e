"""The endpoints of the API: POST `:predict`, `:classify` and `:regress`, and GET."""
