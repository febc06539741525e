"""Pretrained networks: their files, which are never run, and the Keras models that are made of them."""
