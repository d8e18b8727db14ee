"""Records a forward pass over one batch into a CUDA graph.

The host then sends the whole pass in one step, however many kernels it has.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from bench_lib.workload.answers import as_tuple

WARM_UP = 3  # passes before the capture, in which libraries load, cuDNN chooses its kernels, PyTorch allocates memory
Network = Callable[[torch.Tensor], Any]  # it answers a tensor, or a tuple of them


@dataclass(frozen=True)
class RecordedPass:
    """A recorded forward pass; calling it replays the pass and returns `outputs`, the same tensors each time.

    A CUDA graph reads memory by address and does not keep that memory alive, so `network` and `pieces`, which it reads,
    are kept here.
    """

    graph: torch.cuda.CUDAGraph
    outputs: tuple[torch.Tensor, ...]
    network: Network
    pieces: tuple[torch.Tensor, ...]

    def __call__(self) -> tuple[torch.Tensor, ...]:
        """Send the pass to the current stream and return its outputs, which are ready once the stream has executed it.

        The pass reads what the pieces hold at the time of execution.
        """
        self.graph.replay()
        return self.outputs


def cut_batch(images: torch.Tensor, parts: int) -> tuple[torch.Tensor, ...]:
    """Cut the batch into at most `parts` parts of at least one image; each part is a view of `images`."""
    return images.chunk(parts) if parts > 1 else (images,)


def capture_graph(network: Network, pieces: tuple[torch.Tensor, ...], streams: int = 1) -> RecordedPass:
    """Record the network's forward pass over a batch that is cut into `pieces`, each `[part, channels, height, width]`.

    The graph reads the pieces at their present addresses. With one stream they are computed one after the other; with
    several `streams` they are given to the streams in turn. The warm-up runs on a side stream, as CUDA graphs require.
    """
    side_streams = [torch.cuda.Stream() for _ in range(min(streams, len(pieces)))] if streams > 1 else []
    current_stream, capture_stream = torch.cuda.current_stream(), torch.cuda.Stream()
    capture_stream.wait_stream(current_stream)
    with torch.cuda.stream(capture_stream):
        for _ in range(WARM_UP):
            forward_pieces(network, pieces, side_streams)
    current_stream.wait_stream(capture_stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=capture_stream):
        outputs = forward_pieces(network, pieces, side_streams)
    return RecordedPass(graph, outputs, network, pieces)


def forward_pieces(
    network: Network, pieces: tuple[torch.Tensor, ...], sides: list[torch.cuda.Stream]
) -> tuple[torch.Tensor, ...]:
    """The network's outputs for all pieces together, each `[batch_size, …]`.

    The pieces are computed on the side streams `sides` in turn or, without any, on the current stream.
    """
    current_stream, outputs = torch.cuda.current_stream(), []
    for side in sides:
        side.wait_stream(current_stream)
    for index, piece in enumerate(pieces):
        stream = sides[index % len(sides)] if sides else current_stream
        with torch.cuda.stream(stream):
            outputs.append(as_tuple(network(piece)))
    for side in sides:
        current_stream.wait_stream(side)
    return outputs[0] if len(outputs) == 1 else tuple(torch.cat(parts) for parts in zip(*outputs, strict=True))
