class Members:
    def __init__(self, before: bytes, after: bytes, /) -> None: ...
    def __len__(self) -> int: ...
    def add(self, client: bytes, begun: float, received: float, bytes_in: int, bytes_out: int, /) -> bytes: ...
    def lines(
        self,
        form: tuple[bytes, ...],
        moment: bytes,
        what: bytes,
        ended: float,
        decode: float,
        run: float,
        encode: float,
        /,
    ) -> bytes: ...

def write_line(
    form: tuple[bytes, ...],
    moment: bytes,
    what: bytes,
    ended: float,
    decode: float,
    run: float,
    encode: float,
    own: tuple[bytes, float, float, int, int, bytes],
    /,
) -> bytes: ...
def seed_ids(seed: bytes, /) -> None: ...
def make_id(before: bytes, after: bytes, /) -> bytes: ...
