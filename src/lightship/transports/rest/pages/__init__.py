"""Pages outside TensorFlow Serving's API: health, metrics, the OpenAPI document and the page `/docs`."""
