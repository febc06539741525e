"""What `lightship compare` does: the two models, the photos, the requests to the models, and the output."""
