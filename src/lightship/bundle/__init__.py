"""What a version folder holds, read without TensorFlow."""
