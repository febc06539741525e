"""The metrics of requests, and the pages from which Prometheus reads them."""
