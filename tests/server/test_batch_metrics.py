"""The metrics of batching have TensorFlow Serving's names, labels and buckets."""

from __future__ import annotations

from lightship.server.batch_metrics import BatchMetrics
from lightship.transports.metrics.text import metrics_text


def lines_of(metrics: BatchMetrics) -> list[str]:
    return metrics_text(metrics.families()).decode().splitlines()


def test_before_the_first_batch_there_are_no_samples() -> None:
    assert lines_of(BatchMetrics()) == [
        "# TYPE :tensorflow:serving:batching_session:queuing_latency histogram",
        "# TYPE :tensorflow:serving:batching_session:wrapped_run_count counter",
    ]


def test_calls_and_batches_are_counted() -> None:
    metrics = BatchMetrics()
    metrics.called(1)
    metrics.called(2)
    metrics.waited(0.00005)
    metrics.waited(0.00011)
    metrics.ran(3, 4)
    lines, prefix = lines_of(metrics), ":tensorflow:serving:batching_session:"
    for line in (
        f"{prefix}wrapped_run_count{{}} 1",
        f'{prefix}queuing_latency_bucket{{thread_pool_name="",le="100"}} 1',
        f'{prefix}queuing_latency_bucket{{thread_pool_name="",le="120"}} 2',
        f'{prefix}queuing_latency_count{{thread_pool_name=""}} 2',
        f'{prefix}padding_size_bucket{{execution_batch_size="4",le="1"}} 0',
        f'{prefix}padding_size_bucket{{execution_batch_size="4",le="2"}} 1',
        f"{prefix}input_batch_size_sum{{}} 3",
        f"{prefix}input_batch_size_count{{}} 2",
        f'{prefix}processed_batch_size_bucket{{le="4"}} 0',
        f'{prefix}processed_batch_size_bucket{{le="8"}} 1',
        f'{prefix}processed_batch_size_bucket{{le="8192"}} 1',
        f"{prefix}processed_batch_size_sum{{}} 4",
    ):
        assert line in lines
    assert len([line for line in lines if line.startswith(f"{prefix}processed_batch_size_bucket")]) == 15
    assert len([line for line in lines if line.startswith(f"{prefix}queuing_latency_bucket")]) == 53


def test_the_padding_of_ever_new_sizes_takes_no_more_than_so_much_memory() -> None:
    metrics = BatchMetrics()
    for size in range(5000):
        metrics.ran(size, size)
    assert len([line for line in lines_of(metrics) if "padding_size_count" in line]) == 1000
