"""Random weights that let a network answer as a trained one does: different images get clearly different answers.

As torchvision draws them, many networks do not. ResNet-18 gives all images one class, a Vision Transformer answers
zeros (its last layer begins at zero), and the activations of MobileNetV3 and EfficientNet fade until fp16 holds no
digit of them. A check of answers cannot fail there. So the weights are adapted to some images, layer by layer:

- constant weights of almost zero are drawn;
- each convolution and linear layer is scaled to outputs of standard deviation 1, as in LSUV (Mishkin and Matas, "All
  you need is a good init", 2016);
- BatchNorm takes its statistics from the images. Its bias is 1, so that most units are active. With a bias of 0, a deep
  random network magnifies any difference, rounding errors too, until nothing else is left (Yang et al., "A Mean Field
  Theory of Batch Normalization", 2019): the error of fp16 was 10 % in ResNet-50, and is 1 % with a bias of 1;
- the last layer's outputs get mean 0 and standard deviation 1 for each class, as in the initialisation of weight
  normalization (Salimans and Kingma, 2016).
"""

from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

FLAT = 1e-2  # constant weights nearer to zero than this are drawn
ACTIVE = 1.0  # the bias of BatchNorm


def adapt_weights(network: nn.Module, images: torch.Tensor) -> None:
    """Change the random weights of a network in fp32 on the CPU, so that it answers as described above.

    `images` are `[count, 3, height, width]`; with fewer than some ten, the statistics are poor. What is drawn is drawn
    from PyTorch's global generator. The network is left in evaluation mode.
    """
    network.eval()
    with torch.no_grad():
        draw_flat_weights(network)
        norms = [layer for layer in network.modules() if isinstance(layer, _BatchNorm) and layer.track_running_stats]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            learn_statistics(norm)
        last, outputs = scale_layers(network, images)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        network.eval()
        if last is not None:
            standardize(last, outputs)


def draw_flat_weights(network: nn.Module) -> None:
    """Draw each parameter that is constant and almost zero, except biases, from N(0, 1 / inputs of a unit)."""
    for name, weights in network.named_parameters():
        is_flat = weights.numel() > 1 and weights.min() == weights.max() and abs(weights.flatten()[0]) < FLAT
        if is_flat and not name.endswith("bias"):
            weights.normal_(0, max(1, weights[0].numel()) ** -0.5)


def learn_statistics(norm: _BatchNorm) -> None:
    """Make the layer take its statistics from the next images, and its units active."""
    norm.reset_running_stats()
    norm.momentum = None  # the plain average
    norm.train()
    if norm.bias is not None:
        norm.bias.fill_(ACTIVE)


def scale_layers(network: nn.Module, images: torch.Tensor) -> tuple[nn.Module | None, torch.Tensor | None]:
    """Run the images through, and scale each layer as it is called; return the last layer and its scaled outputs."""
    called: dict[str, Any] = {"layer": None, "outputs": None}

    def scale(layer: nn.Module, _given: Any, outputs: torch.Tensor) -> torch.Tensor:
        spread = outputs.std()
        if spread > 0 and torch.isfinite(spread):
            layer.weight.div_(spread)
            if layer.bias is not None:
                layer.bias.div_(spread)
            outputs = outputs / spread
        called.update(layer=layer, outputs=outputs.clone())  # the next layer may work in place
        return outputs

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear | _ConvNd)]
    hooks = [layer.register_forward_hook(scale) for layer in layers]
    try:
        network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return called["layer"], called["outputs"]


def standardize(layer: nn.Module, outputs: torch.Tensor) -> None:
    """Give the layer's outputs (`[images, classes, …]`) mean 0 and standard deviation 1 in each class."""
    across = [axis for axis in range(outputs.dim()) if axis != 1]
    mean, spread = outputs.mean(across), outputs.std(across)
    spread = torch.where(spread > 0, spread, torch.ones_like(spread))
    layer.weight.div_(spread.view(-1, *[1] * (layer.weight.dim() - 1)))
    if layer.bias is not None:
        layer.bias.copy_((layer.bias - mean) / spread)
