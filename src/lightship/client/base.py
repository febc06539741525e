"""The common base of both clients: it checks the options and chooses REST or gRPC by the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Never

from lightship.client.address import parse_address, speaks_grpc, without_password
from lightship.client.options import Options, Tls
from lightship.client.preprocessing import read_preprocessing
from lightship.errors import InvalidArgument
from lightship.extras import required
from lightship.images.spec import ImageSpec

if TYPE_CHECKING:
    from lightship.client.calls import Calls


class BaseClient:
    """The options, and the methods of a client as flows. A subclass adds the transport that sends requests."""

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
            raise InvalidArgument(f"tls is given, but {self.url} does not use TLS: write https:// or grpcs://")
        if transport is not None and (self._speaks_grpc or tls is not None):
            raise InvalidArgument(
                "transport= works only with HTTP addresses and without tls=: leave transport= out, or configure "
                "TLS in the transport"
            )
        self._calls = self._make_calls()

    @property
    def timeout(self) -> float | None:
        """Seconds for all that one method does, retries included; None for no limit."""
        return self._options.timeout

    @property
    def retries(self) -> int:
        """How often a request is sent again at most."""
        return self._options.retries

    def __reduce__(self) -> Never:
        name = type(self).__name__
        raise TypeError(
            f"the {name} cannot be pickled or copied, because it holds connections: make one where it is used, with "
            f"lightship.{name}(url)"
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({without_password(self.url)!r})"

    def _repr_html_(self) -> str:
        from lightship import notebook

        limit = "no limit" if self.timeout is None else f"{self.timeout:g} s"
        rows = [("server", without_password(self.url)), ("timeout", limit), ("retries", self.retries)]
        return notebook.table(f"Lightship {type(self).__name__}", rows)

    @property
    def _speaks_grpc(self) -> bool:
        return speaks_grpc(self.url)

    def _make_calls(self) -> Calls:
        """Imports only the libraries that the address needs."""
        if self._speaks_grpc:
            with required("a client of a gRPC server"):
                from lightship.client.grpc.calls import GrpcCalls

            return GrpcCalls(self.url, self._options)
        with required("a client of an HTTP server"):
            from lightship.client.rest.calls import RestCalls

        return RestCalls(self.url, self._options)
