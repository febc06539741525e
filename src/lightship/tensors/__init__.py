"""Tensors in each form they travel in: dtypes, `TensorProto`, `.npy`, `.npz` and raw bytes. Knows no model."""
