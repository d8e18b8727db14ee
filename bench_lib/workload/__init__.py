"""What is run: the network, and the images that go into it."""

from bench_lib.workload.images import synthetic_images
from bench_lib.workload.network import load_network

__all__ = ["load_network", "synthetic_images"]
