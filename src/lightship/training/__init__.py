"""Trains image classifiers, and the pretrained networks that training begins with. Needs TensorFlow and Keras."""
