"""How many threads an operation is computed in: the one place that counts them, and that tells PyTorch.

The other runtimes are told to use as many as PyTorch. PyTorch by itself looks at the cores of the machine and at
OMP_NUM_THREADS, but not at a container's quota: two threads in half a core's time are stopped in every period.
PyTorch is imported only in the functions, because importing it takes seconds.
"""

from bench_lib.measure.processor import most_threads


def threads(most: int | None = None) -> int:
    """As many as PyTorch uses, which OMP_NUM_THREADS sets, but no more than `most` (by default `most_threads`)."""
    import torch

    allowed = most_threads()
    return min(torch.get_num_threads(), allowed, most or allowed)


def limit_threads(most: int | None = None) -> None:
    """Let this thread's operations, and those of the engines that it builds, compute in so many `threads`.

    It must be called before anything is computed.
    """
    import torch

    count = threads(most)
    if count < torch.get_num_threads():  # otherwise PyTorch is left as it is by default
        torch.set_num_threads(count)
