"""What a SavedModel says: its versions, signatures, graph and variables. Never imports TensorFlow."""
