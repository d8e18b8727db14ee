"""A pass over a batch recorded into one CUDA graph: the host then sends it whole, however many kernels it has."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

WARM_UP = 3  # passes before the capture: libraries load, cuDNN chooses its kernels, PyTorch allocates
Network = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class RecordedPass:
    """A recorded pass; a call replays it and returns its `output`, the same tensor each time.

    A graph reads by address, and keeps nothing in memory itself: `network` and `pieces` are what it reads.
    """

    graph: torch.cuda.CUDAGraph
    output: torch.Tensor
    network: Network
    pieces: tuple[torch.Tensor, ...]

    def __call__(self) -> torch.Tensor:
        """The output, once the stream comes to it, for what the pieces hold by then."""
        self.graph.replay()
        return self.output


def cut_batch(images: torch.Tensor, parts: int) -> tuple[torch.Tensor, ...]:
    """The batch in so many parts (fewer, if it has fewer images), each a view."""
    return images.chunk(parts) if parts > 1 else (images,)


def capture_graph(network: Network, pieces: tuple[torch.Tensor, ...], streams: int = 1) -> RecordedPass:
    """Record the network's pass over a batch in `pieces`, which stay where they are.

    The pieces follow one another, or go by turns to so many `streams`. The warm-up is on a side stream, as CUDA graphs
    need it.
    """
    sides = [torch.cuda.Stream() for _ in range(min(streams, len(pieces)))] if streams > 1 else []
    outer, stream = torch.cuda.current_stream(), torch.cuda.Stream()
    stream.wait_stream(outer)
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            forward_pieces(network, pieces, sides)
    outer.wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        output = forward_pieces(network, pieces, sides)
    return RecordedPass(graph, output, network, pieces)


def forward_pieces(network: Network, pieces: tuple[torch.Tensor, ...], sides: list[torch.cuda.Stream]) -> torch.Tensor:
    """The outputs of all pieces, `[batch_size, classes]`; with side streams, by turns on each of them."""
    outer, outputs = torch.cuda.current_stream(), []
    for side in sides:
        side.wait_stream(outer)
    for index, piece in enumerate(pieces):
        with torch.cuda.stream(sides[index % len(sides)] if sides else outer):
            outputs.append(network(piece))
    for side in sides:
        outer.wait_stream(side)
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs)
