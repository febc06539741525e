"""The operations that run here, by their names."""

from lightship.engines.host.kernels.all import KERNELS
from lightship.engines.host.kernels.kernel import Attributes, Run

__all__ = ["KERNELS", "Attributes", "Run"]
