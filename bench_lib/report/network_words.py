"""Which network or networks a run is of, and where their weights come from, in words."""

from bench_lib.core.case import PUBLISHED, model_kind
from bench_lib.report.exactness import adapted_sentence
from bench_lib.report.report import Report
from bench_lib.text.language import mark, tr
from bench_lib.text.lists import listed
from bench_lib.text.markup import quoted


def network_sentence(report: Report) -> str:
    """Which network it is, and where its weights come from."""
    grid = report.grid
    (network,) = grid.networks
    name, origin = f"<code>{quoted(network)}</code>", model_kind(network)
    whence = {
        "torchvision": tr("{name} from torchvision", name=name),
        "timm": tr("{name} from timm", name=name),
        "function": tr("function {name}", name=name),
        "onnx": tr("ONNX file {name}", name=name),
    }
    whole = f"{quoted(grid.title)} ({whence[origin]})"
    if origin == "onnx":
        return tr("**Network:** {network} with the weights in that file.", network=whole)
    if grid.weights == PUBLISHED:
        return tr("**Network:** {network} with the weights that are published with it.", network=whole)
    if grid.weights:
        return tr("**Network:** {network} with weights from the file <code>{file}</code>.", network=whole,
                  file=quoted(grid.weights))  # fmt: skip
    if origin == "function":
        return tr(
            "**Network:** {network} with the weights that the function gives (seed {seed}): speed does not depend on "
            "the values of the weights.",
            network=whole, seed=grid.seed,
        )  # fmt: skip
    return tr(
        "**Network:** {network} with random weights (seed {seed}): speed does not depend on the values of the weights. "
        "{adapted}",
        network=whole, seed=grid.seed, adapted=adapted_sentence(report),
    )  # fmt: skip


OF_USER = {  # by the kind of model; the other kinds are the names of libraries
    "function": mark("{names} with the weights that the functions give (seed {seed})"),
    "onnx": mark("{names} with the weights in these ONNX files"),
}
OF_LIBRARY = {  # by whether the weights are published ones
    True: mark("{names} from {library} with the weights that are published for each"),
    False: mark(
        "{names} from {library} with random weights (seed {seed}), adapted so that different images get different "
        "answers"
    ),
}


def networks_sentence(report: Report) -> str:
    """Which networks they are, and where the weights of each kind come from."""
    grid, parts = report.grid, []
    of_kind: dict[str, list[str]] = {}
    for name in grid.networks:
        of_kind.setdefault(model_kind(name), []).append(quoted(name))
    for kind, names in of_kind.items():
        words = OF_USER.get(kind, OF_LIBRARY[bool(grid.weights)])
        parts.append(tr(words, names=listed(names), seed=grid.seed, library=kind))
    return tr(
        "**Networks** ({count}): {kinds}. Speed does not depend on the values of the weights.",
        count=len(grid.networks), kinds="; ".join(parts),
    )  # fmt: skip
