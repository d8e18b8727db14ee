"""A stranger's folder: whatever runs a file of it, or reads its settings, leaves a mark or fails."""

from pathlib import Path

# Imported by this program, by Jupyter or by Python itself, installed or not.
MODULES = (
    "IPython", "bs4", "html", "http", "ipykernel", "ipykernel_launcher", "jinja2", "json", "jupyter_client",
    "matplotlib", "mlperf_loadgen", "modelopt", "nbconvert", "nbformat", "numpy", "onnxruntime", "onnxscript",
    "openvino", "pandas", "papermill", "pydantic", "pynvml", "resnet18", "scipy", "seaborn", "shtab",
    "sitecustomize", "tensorrt", "torch", "torch_tensorrt", "torchvision", "tqdm", "typing", "usercustomize",
    "weasyprint", "yaml",
)  # fmt: skip
SETTINGS = (
    "ipython_config.py", "ipython_kernel_config.py", "jupyter_config.py", "jupyter_nbconvert_config.py",
    "profile_default/ipython_kernel_config.py", "profile_default/startup/00.py",
    ".ipython/profile_default/ipython_kernel_config.py", ".ipython/profile_default/startup/00.py",
    ".jupyter/jupyter_config.py",
)  # fmt: skip
TEMPLATES = ("index.html.j2", "base.html.j2", "report/index.html.j2", "lab/base.html.j2", "templates/lab/base.html.j2")
UNREADABLE = ("matplotlibrc", "jupyter_config.json", "jupyter_nbconvert_config.json", "report/conf.json")
TRAP = "__import__('pathlib').Path({mark!r}).touch()\n"


def make(folder: Path, marks: Path | None = None) -> None:
    """Fill the folder. A file that is run leaves a file of its name in the folder `marks`, by default SPRUNG."""
    marks = (marks or folder / "SPRUNG").absolute()
    marks.mkdir(exist_ok=True)

    def write(name: str, text: str | bytes) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    for name in (*(f"{module}.py" for module in MODULES), *SETTINGS):
        write(name, TRAP.format(mark=str(marks / name.replace("/", "-"))))
    write("trap.pth", "import seaborn\n")
    for name in TEMPLATES:
        code = f"().__class__.__base__.__subclasses__() and 1/0  # {marks}"
        write(name, "{{ " + code + " }}")
    for name in UNREADABLE:
        write(name, b"\xff{")
