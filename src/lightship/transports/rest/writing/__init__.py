"""Arrays, errors and texts as the JSON that TensorFlow Serving writes."""
