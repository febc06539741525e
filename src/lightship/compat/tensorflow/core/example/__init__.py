"""What `tf.train` names."""
