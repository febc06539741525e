"""Images as training saw them: decoded, resized and preprocessed as an `ImageSpec` says. Never imports TensorFlow."""
