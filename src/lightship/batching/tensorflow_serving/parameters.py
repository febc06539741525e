"""The parameters of TensorFlow Serving's batching, with its defaults, checks and texts."""

from __future__ import annotations

from dataclasses import dataclass

from lightship.errors import InvalidArgument
from lightship.processors import available_cpus

MAX_BATCH_SIZE = 1000
MAX_ENQUEUED_BATCHES = 10


@dataclass(frozen=True, slots=True)
class BatchingParameters:
    """How calls are batched. Sizes are numbers of rows: the size of the first dimension of the inputs.

    Raises InvalidArgument, with TensorFlow Serving's text where it has one, for values that are out of range.
    """

    # The largest call. Without `enable_large_batch_splitting` also the largest batch.
    max_batch_size: int = MAX_BATCH_SIZE
    # How long a batch that is not full waits for further calls after its first one, if a thread is free.
    batch_timeout_micros: int = 0
    # The most batches that wait in one queue. A call for which there is no room is refused. Without splitting, 0 means
    # 1.
    max_enqueued_batches: int = MAX_ENQUEUED_BATCHES
    # The threads that run batches, for all models together. 0 means one for each processor.
    num_batch_threads: int = 0
    # The name of these threads.
    thread_pool_name: str = "batch_threads"
    # A batch is filled up to the first of these sizes that is not smaller. Empty: batches are not filled up.
    allowed_batch_sizes: tuple[int, ...] = ()
    # Fill up all dimensions but the first to the largest in the batch. Otherwise calls whose shapes differ fail if they
    # come into the same batch.
    pad_variable_length_inputs: bool = False
    # Divide calls that do not fit into the current batch among several batches.
    enable_large_batch_splitting: bool = False
    # With splitting, the largest batch. 0 means `max_batch_size`.
    max_execution_batch_size: int = 0

    def __post_init__(self) -> None:
        if self.num_batch_threads < 0:
            raise threads_error(self.num_batch_threads)
        if self.max_batch_size < 1:
            raise InvalidArgument(f"input_batch_size_limit must be positive; was {self.max_batch_size}")
        if self.batch_timeout_micros < 0:
            raise InvalidArgument(f"batch_timeout_micros must be non-negative; was {self.batch_timeout_micros}")
        if self.max_enqueued_batches < 0:
            raise InvalidArgument(f"max_enqueued_batches must be non-negative; was {self.max_enqueued_batches}")
        if self.allowed_batch_sizes and self.allowed_batch_sizes[-1] != self.max_batch_size:
            raise InvalidArgument(
                "Last entry in allowed_batch_sizes must match max_batch_size; "
                f"last entry was {self.allowed_batch_sizes[-1]}; expected {self.max_batch_size}"
            )
        if self.enable_large_batch_splitting and not 0 <= self.max_execution_batch_size <= self.max_batch_size:
            raise InvalidArgument(
                f"max_execution_batch_size must be positive and at most max_batch_size, {self.max_batch_size}; "
                f"was {self.max_execution_batch_size}"
            )

    @property
    def threads(self) -> int:
        """The number of threads that run batches."""
        return self.num_batch_threads or available_cpus()

    @property
    def batch_limit(self) -> int:
        """The most rows of one batch."""
        if self.enable_large_batch_splitting:
            return self.max_execution_batch_size or self.max_batch_size
        return self.max_batch_size

    def filled_size(self, rows: int) -> int:
        """Returns to how many rows a batch is filled up. A batch larger than every allowed size stays as it is."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)


def threads_error(threads: int) -> InvalidArgument:
    """Returns the error for a number of threads below 1."""
    return InvalidArgument(f"num_batch_threads must be positive; was {threads}")
