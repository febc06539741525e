"""Operations of strings, lookup tables and the like, which run here, in front of a model that OpenVINO runs."""

from lightship.engines.host.program import HostProgram
from lightship.engines.host.split import NothingToSplit

__all__ = ["HostProgram", "NothingToSplit"]
