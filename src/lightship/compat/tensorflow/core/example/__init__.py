"""The modules of the messages in `tf.train`."""
