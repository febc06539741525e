"""Pages outside TensorFlow Serving's API: health, metrics, the OpenAPI document, and the pages `/docs` and `/ui`."""
