"""JSON values, and bytes, to numpy arrays and back."""
