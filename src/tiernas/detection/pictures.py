"""The images of a data set: files in a folder or in a zip archive."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import joblib  # type: ignore[import-untyped]
import numpy as np
from PIL import Image, UnidentifiedImageError

from tiernas.detection.coco import CocoImage
from tiernas.errors import UsageError
from tiernas.standalone.preprocessing import Pixels, upright_rgb
from tiernas.training.decoding import pillow_silenced

_ORIENTATION = 0x0112
"""The EXIF tag of an image's orientation (EXIF 2.3, section 4.6.4)."""

_BATCH = 16
"""Number of images that a thread takes at a time."""

_NAMED = 3
"""Number of images that a message names."""


class Pictures:
    """The image files below a folder or in a zip archive, by name.

    In an archive whose files are all in one folder, names are relative to it as well.

    Args:
        path: The folder or archive.

    Raises:
        UsageError: There is no such folder or archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._members: dict[str, str] = {}
        if path.is_dir():
            return
        if not path.is_file():
            raise UsageError(f"{path}: there is no such folder or zip archive of images")
        try:
            with zipfile.ZipFile(path) as archive:
                names = [item.filename for item in archive.infolist() if not item.is_dir()]
        except (zipfile.BadZipFile, OSError) as error:
            raise UsageError(f"{path}: is neither a folder nor a zip archive ({error})") from error
        roots = {name.split("/", 1)[0] for name in names}
        self._members = {name: name for name in names}
        if len(roots) == 1 and all("/" in name for name in names):
            self._members |= {name.split("/", 1)[1]: name for name in names}

    def missing(self, names: Sequence[str]) -> list[str]:
        """The names without a file. A name that leads out of the folder has none."""
        if self._members:
            return [name for name in names if name not in self._members]
        return [name for name in names if _leads_out(name) or not (self.path / name).is_file()]

    @contextmanager
    def open(self, name: str) -> Iterator[Image.Image]:
        """An image, not decoded yet."""
        if not self._members:
            with Image.open(self.path / name) as image:
                yield image
        else:
            with zipfile.ZipFile(self.path) as archive:  # one for each call: threads cannot share a position
                content = archive.read(self._members[name])
            with Image.open(io.BytesIO(content)) as image:
                yield image


@pillow_silenced()
def decode(pictures: Pictures, images: Sequence[CocoImage], pixels: Pixels) -> None:
    """Decodes images to one size, in as many threads as there are cores; the ratio of the sides is not kept.

    Args:
        pictures: The files.
        images: What the annotations say of them.
        pixels: `(n, height, width, 3)`; receives the images.

    Raises:
        UsageError: A file is damaged, or its size is not that of the annotations.
    """
    height, width = pixels.shape[1:3]

    def one(place: int) -> str | None:
        said = images[place]
        try:
            with pictures.open(said.file_name) as image:
                found = image.size
                if found == (said.width, said.height):
                    image.getexif().pop(_ORIENTATION, None)  # boxes refer to the pixels as stored
                elif found != (said.height, said.width) or image.getexif().get(_ORIENTATION, 1) < 5:
                    return (
                        f"{said.file_name} is {found[0]} x {found[1]} pixels, and the annotations say {said.width} x "
                        f"{said.height}"
                    )
                image.draft("RGB", (2 * width, 2 * height))  # large JPEGs are decoded at a fraction of their size
                whole = upright_rgb(image).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0)
                pixels[place] = np.asarray(whole)
        except UnidentifiedImageError:
            return f"{said.file_name} is no image of a known format"
        except Exception as error:  # Pillow raises anything for damaged files
            return f"{said.file_name} cannot be read ({str(error) or type(error).__name__})"
        return None

    run = joblib.Parallel(n_jobs=joblib.cpu_count(), require="sharedmem", batch_size=_BATCH)
    wrong = [why for why in run(joblib.delayed(one)(place) for place in range(len(images))) if why is not None]
    if wrong:
        more = f"; and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        raise UsageError(f"{pictures.path}: {'; '.join(wrong[:_NAMED])}{more}; correct or remove them")


def _leads_out(name: str) -> bool:
    return PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts
