"""Train ResNet-18 on photographs of solar cells, and write what a grid measures: weights and a folder of images.

    pip install elpv-dataset
    python examples/solar_cells.py --output solar-cells

The data are the ELPV set: 2,624 electroluminescence photographs of single cells, 300×300 pixels, from 44 modules. Each
has the kind of its module and the probability of a defect, as experts judged it (Buerhop-Lutz et al., 2018; Deitsch et
al., 2019; licence CC BY-NC-SA 4.0, https://github.com/zae-bayern/elpv-dataset). The classes here are kind × whether the
probability is over one half: four. Two fifths of each class are the test images.

`solar-cells/` then holds `net.pt`, a state_dict, and `test/`, a folder of test images for each class: what
`params/solar-cells.yaml` measures. Training takes some minutes on a GPU.

Cells of one module are among the training and the test images, so the accuracy on other modules will be less.
"""

import argparse
import importlib.util
import random
import shutil
from pathlib import Path

import torch
from PIL import Image
from torch.nn import functional
from torchvision.models import resnet18
from torchvision.transforms.v2.functional import pil_to_tensor, resize

from bench_lib.workload.preprocessing import MEAN, STD

SIDE, LARGER = 224, 256  # pixels: of the images that the network is trained on, and of those that they are cut from
TEST_SHARE = 0.4
BATCH, RATE, DECAY, SMOOTHING = 64, 0.05, 5e-4, 0.1
Labelled = list[tuple[Path, str]]  # files of images, each with the name of its class


def read_labels(folder: Path) -> Labelled:
    """The images that `labels.csv` in the folder lists, which has a line "path probability kind" for each."""
    with open(folder / "labels.csv", encoding="utf-8") as file:
        rows = [line.split() for line in file if line.strip()]
    return [
        (folder / path, f"{kind}-{'defective' if float(share) > 0.5 else 'functional'}") for path, share, kind in rows
    ]


def split(images: Labelled, seed: int) -> tuple[Labelled, Labelled]:
    """The images for training and those to test with, `TEST_SHARE` of each class, drawn with this seed."""
    draw, training, test = random.Random(seed), [], []
    for name in sorted({name for _, name in images}):
        own = [image for image in images if image[1] == name]
        draw.shuffle(own)
        count = round(TEST_SHARE * len(own))
        test += own[:count]
        training += own[count:]
    return training, test


def write_folders(images: Labelled, folder: Path) -> None:
    """Copy each image into the subfolder of its class."""
    for path, name in images:
        (folder / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / name / path.name)


def load(images: Labelled, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The images as uint8, `[count, 1, side, side]`, and the numbers of their classes, in the order of their names."""
    names = sorted({name for _, name in images})
    pixels = [resize(pil_to_tensor(Image.open(path).convert("L")), [side, side], antialias=True) for path, _ in images]
    return torch.stack(pixels), torch.tensor([names.index(name) for _, name in images])


def normalized(pixels: torch.Tensor) -> torch.Tensor:
    """Grey pixels, uint8 `[count, 1, side, side]`, as float32 `[count, 3, side, side]`, normalized as `bench` does."""
    mean, deviation = (torch.tensor(values, device=pixels.device).view(3, 1, 1) for values in (MEAN, STD))
    return (pixels.float() / 255 - mean) / deviation


def augmented(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """A square of `side` pixels of each image at a random place, mirrored and turned at random: a cell has no top."""
    top, left = (int(torch.randint(pixels.shape[-1] - side + 1, ())) for _ in range(2))
    pixels = pixels[..., top : top + side, left : left + side]
    for axes in ([-1], [-2]):
        turned = torch.rand(len(pixels), 1, 1, 1, device=pixels.device) < 0.5
        pixels = torch.where(turned, pixels.flip(axes), pixels)
    turned = torch.rand(len(pixels), 1, 1, 1, device=pixels.device) < 0.5
    return torch.where(turned, pixels.transpose(-1, -2), pixels)


def train(pixels: torch.Tensor, classes: torch.Tensor, epochs: int, side: int = SIDE) -> torch.nn.Module:
    """ResNet-18 trained on the images from random weights, with a rate that falls to zero along a cosine."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = resnet18(num_classes=int(classes.max()) + 1).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), RATE, momentum=0.9, weight_decay=DECAY, nesterov=True)
    steps = epochs * -(-len(pixels) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.1)
    pixels, classes = pixels.to(device), classes.to(device)
    for epoch in range(epochs):
        for chosen in torch.randperm(len(pixels), device=device).split(BATCH):
            images = normalized(augmented(pixels[chosen], side))
            loss = functional.cross_entropy(network(images), classes[chosen], label_smoothing=SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if epoch % 10 == 9 or epoch == epochs - 1:
            print(f"epoch {epoch + 1} of {epochs}: loss {loss.item():.3f}", flush=True)
    return network.eval().cpu()


@torch.inference_mode()
def accuracy(network: torch.nn.Module, pixels: torch.Tensor, classes: torch.Tensor, side: int = SIDE) -> float:
    """The share of images of which the middle square of `side` pixels gets the right class."""
    edge = (pixels.shape[-1] - side) // 2
    middle = pixels[..., edge : edge + side, edge : edge + side]
    found = torch.cat([network(normalized(part)).argmax(1) for part in middle.split(BATCH)])
    return float((found == classes).double().mean())


def data_folder() -> Path:
    """Where the installed package `elpv-dataset` has its images; end the program if it is not installed."""
    found = importlib.util.find_spec("elpv_dataset")
    if found is None:
        raise SystemExit("the package elpv-dataset is not installed; pip install elpv-dataset, or give --data")
    return Path(found.submodule_search_locations[0]) / "data"


def main() -> None:
    """Train, test, and write the weights and the test images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with labels.csv and its images (those of elpv-dataset)")
    parser.add_argument("--output", type=Path, default=Path("solar-cells"), help="where to write (solar-cells)")
    parser.add_argument("--epochs", type=int, default=120, help="how often each image is seen (120)")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the weights and the order (0)")
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    training, test = split(read_labels(given.data or data_folder()), given.seed)
    write_folders(test, given.output / "test")
    network = train(*load(training, LARGER), given.epochs)
    torch.save(network.state_dict(), given.output / "net.pt")
    share = accuracy(network, *load(test, LARGER))
    print(f"{given.output}: {len(training)} images trained on; {share:.1%} of {len(test)} others are right")


if __name__ == "__main__":
    main()
