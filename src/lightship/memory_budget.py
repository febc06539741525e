"""One budget for the memory that all requests of a server hold: bodies, decoded values, tensors and answers.

A `Reservation` belongs to one request. Whoever is about to allocate memory for that request grows the reservation
first, and the allocation is refused if the budget has no room for it.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from lightship.errors import Cancelled, LightshipError, TooLarge, Unavailable

# Bytes that a request may hold without being counted, because its answer is on its way before the event loop turns.
# Most requests are like that, and counting them would cost a lock each. `Reservation.keep` ends this exception.
UNCOUNTED = 64 << 10
_STEP = 16 << 10  # bytes; reservations are counted in multiples, so that a body in small pieces rarely needs the lock
_MUCH = 2 << 20  # bytes from which it is worthwhile to give them back before the request ends
_MUCH_TOGETHER = 64 << 20  # bytes of all reservations, from which their memory is worth returning to the system
_MAX_RETRY_SECONDS = 60


class NoRoom(Unavailable):
    """Other requests hold so much memory now that a request does not fit."""


class MemoryBudget:
    """Counts the memory of all reservations. Any thread may call its methods.

    `size` is the number of bytes that requests may hold together, and `taken` the number that they hold now. `refusals`
    grows when a request is refused because of what others hold.
    `on_release` is called with the largest size of each counted reservation when it is given back, or with the size of
    all reservations together if that is 64 MiB or more.
    """

    __slots__ = ("_lock", "_on_release", "_seconds", "refusals", "size", "taken")

    def __init__(self, size: int, on_release: Callable[[int], None] | None = None) -> None:
        self.size = size
        self.taken = self.refusals = 0
        self._lock = threading.Lock()
        self._on_release = on_release
        self._seconds = 0.0  # for how long reservations were held of late; large ones weigh more

    def reservation(self) -> Reservation:
        """Returns an empty reservation."""
        return Reservation(self)

    def check(self, amount: int) -> None:
        """Raises the errors of `Reservation.grow` if this many bytes do not fit. Takes nothing."""
        if self.taken + amount > self.size:
            raise self._refusal(amount, 0)

    def _count(self, reservation: Reservation, total: int, *, force: bool = False) -> None:
        """Changes what a reservation counts to `total`, rounded up. `force`: even if it does not fit."""
        with self._lock:
            if reservation.released:
                raise Cancelled("the client does not wait for this request any more")
            counted = reservation.counted
            wanted = _rounded(total)
            if wanted > counted and not force and self.taken + wanted - counted > self.size:
                if self.taken + total - counted > self.size:
                    raise self._refusal(total, counted)
                wanted = total
            self._set(reservation, wanted)

    def _set(self, reservation: Reservation, counted: int) -> None:
        """Changes what a reservation counts. Must be called with the lock."""
        if not reservation.peak:
            reservation.since = time.monotonic()
        self.taken += counted - reservation.counted
        reservation.counted = reservation.limit = counted
        if counted > reservation.peak:
            reservation.peak = counted

    def _refusal(self, total: int, counted: int) -> LightshipError:
        if total > self.size:
            return TooLarge(
                f"The request needs {total} bytes of memory; the memory budget of all requests is {self.size} bytes. "
                "Send less, or start the server with a larger --memory-budget"
            )
        self.refusals += 1
        seconds = min(_MAX_RETRY_SECONDS, max(1, math.ceil(self._seconds)))
        free = max(0, self.size - self.taken + counted)
        return NoRoom(
            f"The request needs {total} bytes of memory; {free} bytes of the memory budget of {self.size} bytes are "
            f"free now. Try again in {seconds} s, or start the server with a larger --memory-budget",
            retry_after=seconds,
        )

    def _give_back(self, reservation: Reservation) -> None:
        """Subtracts all that a reservation counts. Must be called with the lock."""
        counted, reservation.counted = reservation.counted, 0
        reservation.held, together = 0, self.taken
        self.taken -= counted
        if reservation.peak:
            weight = min(1.0, 4 * reservation.peak / self.size)
            self._seconds += weight * (time.monotonic() - reservation.since - self._seconds)
        if reservation.peak and together >= _MUCH_TOGETHER:
            reservation.peak = together


def _rounded(size: int) -> int:
    return -(-size // _STEP) * _STEP


class Reservation:
    """The memory that one request holds. It is a context manager that releases at its end.

    One thread at a time may change its size. `release` may be called by another thread: a thread that still uses the
    memory says so with `begin_use` and `end_use`, and the bytes are given back when it has finished.

    `held` is the number of bytes that were asked for.
    """

    # The initial values are the class's, because every request makes a reservation and few change these.
    held = 0
    limit = UNCOUNTED  # the size up to which the budget need not be asked
    # For the budget only: what it counts, its maximum, since when, and whether it was released.
    counted = peak = 0
    since = 0.0
    released = False
    _users = 0

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget

    def grow(self, amount: int) -> None:
        """Reserves more bytes. Must be called before they are allocated.

        Raises TooLarge if this request alone exceeds the budget, NoRoom if other requests hold the rest of it
        now, and Cancelled if the reservation was released, because nobody waits for the request then.
        """
        total = self.held + amount
        if total > self.limit:
            self._budget._count(self, total)
        self.held = total

    def check(self, amount: int) -> None:
        """Raises the errors of `grow` if this many more bytes do not fit now. Takes nothing."""
        total = self.held + amount
        if total > self.limit:
            self._budget.check(total - self.counted)

    def fits(self, amount: int) -> bool:
        """Returns whether `grow` would have room for this many more bytes now. A refusal is not counted as one."""
        total = self.held + amount
        return total <= self.limit or self._budget.taken + total - self.counted <= self._budget.size

    def grow_to(self, total: int) -> None:
        """Like `grow`, up to a total. Does nothing if that much is held already."""
        if total > self.held:
            self.grow(total - self.held)

    def keep(self, total: int = 1) -> None:
        """Like `grow_to`, but counts every byte from now on.

        Must be called if the request stays in memory for longer than a turn of the event loop, however small it is.
        """
        self.held = max(self.held, total)
        if self.held > self.counted:
            self._budget._count(self, self.held)

    def hold(self, total: int) -> None:
        """Counts bytes that exist already, even if they exceed the budget."""
        self.held = total
        self._budget._count(self, total, force=True)

    def shrink(self, amount: int) -> None:
        """Gives bytes back; a few are kept until the request ends."""
        self.held = max(0, self.held - amount)
        if self.counted - self.held >= _MUCH:
            with self._budget._lock:
                if not self.released:
                    self._budget._set(self, _rounded(self.held))

    def begin_use(self) -> None:
        """Says that a thread uses the memory: `release` then takes effect at `end_use`."""
        self._users += 1

    def end_use(self, left: int = 0) -> None:
        """Ends what `begin_use` began. `left`: the bytes that are still held, such as those of the answer."""
        budget = self._budget
        with budget._lock:
            self._users -= 1
            ended = self.released and not self._users
            if ended:
                budget._give_back(self)
            elif not self.released:
                budget._set(self, _rounded(left))
                self.held = left
        if ended:
            self._notify()

    def release(self) -> None:
        """Gives all bytes back. Further calls do nothing."""
        if self.released:
            return
        if not self.peak and not self._users:
            self.released, self.held = True, 0
            return
        budget = self._budget
        with budget._lock:
            self.released = True
            ended = not self._users
            if ended:
                budget._give_back(self)
        if ended:
            self._notify()

    def _notify(self) -> None:
        if self.peak and self._budget._on_release is not None:
            self._budget._on_release(self.peak)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


class Growing(Protocol):
    """What may be told that bytes are about to be allocated, and that they were given back."""

    def grow(self, amount: int) -> None: ...

    def shrink(self, amount: int) -> None: ...


class SharedReservation:
    """Lets several threads grow and shrink a reservation at the same time.

    They take only memory that nobody else needs: what does not fit now is no refused request.
    """

    def __init__(self, whole: Reservation) -> None:
        self._whole = whole
        self._lock = threading.Lock()

    def grow(self, amount: int) -> None:
        """Does what `Reservation.grow` does. Raises NoRoom if the bytes do not fit now, for whatever reason."""
        with self._lock:
            if not self._whole.fits(amount):
                raise NoRoom(f"{amount} bytes do not fit into the memory budget now")
            self._whole.grow(amount)

    def shrink(self, amount: int) -> None:
        with self._lock:
            self._whole.shrink(amount)


class _NotCounted(Reservation):
    """A reservation that counts nothing and refuses nothing."""

    def grow(self, amount: int) -> None: ...

    def keep(self, total: int = 1) -> None: ...

    def hold(self, total: int) -> None: ...

    def shrink(self, amount: int) -> None: ...

    def begin_use(self) -> None: ...

    def end_use(self, left: int = 0) -> None: ...

    def release(self) -> None: ...


# For calls outside a server, such as those of the client, and for those that the server makes itself.
NOT_COUNTED: Reservation = _NotCounted(MemoryBudget(sys.maxsize))
