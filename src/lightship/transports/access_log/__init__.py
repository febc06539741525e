"""The access log: one line for each request of any transport, written without holding up the requests."""
