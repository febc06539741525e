"""The OpenAPI document of the models that are served."""
