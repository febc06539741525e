"""The part of TensorFlow that clients of TensorFlow Serving use: conversion of tensors, examples, and types."""

from lightship.compat.tensorflow import dtypes, train
from lightship.compat.tensorflow.dtypes import (
    bfloat16,
    bool,
    complex64,
    complex128,
    double,
    float16,
    float32,
    float64,
    half,
    int8,
    int16,
    int32,
    int64,
    string,
    uint8,
    uint16,
    uint32,
    uint64,
)
from lightship.compat.tensorflow.tensors import make_ndarray, make_tensor_proto

__all__ = [
    "bfloat16",
    "bool",
    "complex64",
    "complex128",
    "double",
    "dtypes",
    "float16",
    "float32",
    "float64",
    "half",
    "int8",
    "int16",
    "int32",
    "int64",
    "make_ndarray",
    "make_tensor_proto",
    "string",
    "train",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]
