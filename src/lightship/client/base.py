"""What both clients are made of: the options, and the calls of the transport that the address names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lightship.client.address import parse_address, speaks_grpc
from lightship.client.options import Options, Tls
from lightship.client.preprocessing import read_preprocessing
from lightship.errors import InvalidArgument
from lightship.images.spec import ImageSpec

if TYPE_CHECKING:
    from lightship.client.calls import Calls


class BaseClient:
    """Knows no socket."""

    def __init__(
        self,
        url: str,
        timeout: float | None,
        retries: int,
        image: ImageSpec | None,
        labels: Sequence[str] | str | Path | None,
        bundle: str | Path | None,
        headers: Mapping[str, str] | None,
        tls: Tls | None,
        transport: object | None,
    ) -> None:
        self.url = parse_address(url).base
        self._options = Options(timeout, retries, read_preprocessing(image, labels, bundle), dict(headers or {}), tls)
        if tls is not None and not self.url.startswith(("https:", "grpcs:")):
            raise InvalidArgument(f"tls is given, but {self.url} is not encrypted: write https:// or grpcs://")
        if transport is not None and (self._speaks_grpc or tls is not None):
            raise InvalidArgument("transport is httpx2's, for HTTP, and has its own TLS: leave it out")
        self._calls = self._of_its_transport()

    @property
    def timeout(self) -> float | None:
        return self._options.timeout

    @property
    def retries(self) -> int:
        return self._options.retries

    @property
    def _speaks_grpc(self) -> bool:
        return speaks_grpc(self.url)

    def _of_its_transport(self) -> Calls:
        """Neither transport's libraries are imported for the other."""
        if self._speaks_grpc:
            from lightship.client.grpc.calls import GrpcCalls

            return GrpcCalls(self.url, self._options)
        from lightship.client.rest.calls import RestCalls

        return RestCalls(self.url, self._options)
