"""What is counted of requests, and the pages that Prometheus reads."""
