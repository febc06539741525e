"""Metrics of our own, as Prometheus' users expect them: `lightship_...`, in seconds and bytes, with a text for each."""
