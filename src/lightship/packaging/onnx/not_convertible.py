"""Why a signature is not converted."""


class NotConvertible(Exception):
    """A signature cannot be converted to ONNX; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
