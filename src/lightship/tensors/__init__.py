"""Converts tensors between numpy arrays and the forms in which they are sent: `TensorProto`, `.npy`, `.npz`, bytes."""
