"""What `lightship compare` does: the two models and the photos, the questions, and what is printed."""
