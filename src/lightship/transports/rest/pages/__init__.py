"""Pages beside the API: health, metrics, the OpenAPI document and its page for people."""
