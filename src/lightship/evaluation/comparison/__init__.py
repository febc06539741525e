"""Two models on the same labelled photos: what changed, what was required of it, and the page that shows it."""
