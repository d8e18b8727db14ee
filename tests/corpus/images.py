"""Files in folders of images: some are none, some do not decode, and some look wrong where they are decoded naively."""

import os
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 8
GREY = np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE) * 1040  # 16 bits, from 0 to 65,520
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"
FOREIGN = os.fsdecode("caf\xe9.jpg".encode("latin-1"))  # a name that is not UTF-8


def make(folder: Path) -> None:
    """Write all of them: `hidden/`, `broken/`, `kinds/` and `linked/`."""
    make_hidden(folder / "hidden")
    make_broken(folder / "broken")
    make_kinds(folder / "kinds")
    make_linked(folder / "linked")


def colours(number: int = 0) -> Image.Image:
    """A small picture of noise."""
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))


def make_hidden(folder: Path) -> None:
    """One image, and files that are called like images and are none: of a Mac, of Jupyter, hidden ones."""
    names = [
        "._photo.jpg",
        "__MACOSX/photo.jpg",
        ".ipynb_checkpoints/photo.jpg",
        "@eaDir/photo.jpg",
        ".trash/a/photo.jpg",
    ]
    for name in ["photo.jpg", *names]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        colours().save(folder / name)


def make_broken(folder: Path) -> None:
    """Files that are called images and cannot be decoded, or must not be."""
    folder.mkdir()
    (folder / "empty.jpg").touch()
    (folder / "text.png").write_text("<html>404</html>")
    (folder / "program.jpg").write_bytes(EPS)  # Pillow would start Ghostscript for it
    colours().save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:-200])
    (folder / "bomb.png").write_bytes(png(100_000, 100_000))
    Image.new("L", (2000, 1)).save(folder / "line.png")
    Image.fromarray(GREY.astype(np.float32)).save(folder / "float.tif")
    Image.fromarray(GREY.astype(np.int32)).save(folder / "int32.tif")


def png(width: int, height: int) -> bytes:
    """A PNG that says it is of this size, and holds next to nothing."""
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    chunks = (len(d).to_bytes(4, "big") + kind + d + zlib.crc32(kind + d).to_bytes(4, "big") for kind, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def make_kinds(folder: Path) -> None:
    """Images of every kind that is decoded."""
    folder.mkdir()
    grey, colour = Image.fromarray(GREY), colours()
    grey.save(folder / "grey16.png")
    grey.save(folder / "grey16.tif")
    Image.fromarray(GREY.astype(">u2")).save(folder / "grey16-big-endian.tif")
    (folder / "grey16.pgm").write_bytes(b"P5 8 8 65535\n" + GREY.astype(">u2").tobytes())
    colour.quantize(8).save(folder / "palette.png", transparency=b"\x00\x80\xff")
    clear = colour.convert("RGBA")
    clear.putalpha(0)
    clear.save(folder / "transparent.png")
    colour.convert("CMYK").save(folder / "cmyk.jpg")
    turned = Image.Exif()
    turned[0x0112] = 6  # shown turned by 90 degrees
    colours().resize((SIDE, 2 * SIDE)).save(folder / "turned.jpg", exif=turned)
    colour.save(folder / "animated.webp", save_all=True, append_images=[colours(1)], lossless=True)
    colour.save(folder / "animated-gif.jpg", format="GIF", save_all=True, append_images=[colours(1)])
    colour.convert("1").save(folder / "bits.png")
    colour.save(folder / FOREIGN)


def make_linked(folder: Path) -> None:
    """A folder of classes, one of them a link to a folder elsewhere, and links that go round."""
    (folder / "elsewhere" / "dogs").mkdir(parents=True)
    (folder / "photos" / "cats").mkdir(parents=True)
    colours().save(folder / "elsewhere" / "dogs" / "1.jpg")
    colours().save(folder / "photos" / "cats" / "1.jpg")
    (folder / "photos" / "dogs").symlink_to(folder / "elsewhere" / "dogs")
    (folder / "photos" / "cats" / "round").symlink_to(folder / "photos")
    (folder / "photos" / "again").symlink_to(folder / "photos" / "cats")
    (folder / "photos" / "nowhere.jpg").symlink_to(folder / "absent.jpg")
