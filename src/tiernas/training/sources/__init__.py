"""Where images come from: scikit-learn's digits, folders, parquet files, Hugging Face, torchvision, tar files."""

from pathlib import Path

from tiernas.errors import UsageError
from tiernas.training.data_config import DataConfig
from tiernas.training.sources import digits, folder, huggingface, parquet, torchvision_sets, webdataset
from tiernas.training.sources.source import Part, Source

__all__ = ["Part", "Source", "open_source"]


def open_source(config: DataConfig) -> Source:
    """Lists the images of a configuration, without decoding any.

    Raises:
        UsageError: The folder is missing or empty, or not laid out as its kind says, or a named set cannot be had.
        NotInstalledError: A library that the kind is read with is not installed.
    """
    match config.kind:
        case "digits":
            return digits.open_source()
        case "torchvision":
            return torchvision_sets.open_source(config)
        case "huggingface":
            if config.path is not None:
                _existing(config.path)
            return huggingface.open_source(config)
        case "folder":
            return folder.open_source(_existing(config.path))
        case "parquet":
            return parquet.open_source(_existing(config.path))
        case "webdataset":
            return webdataset.open_source(_existing(config.path))


def _existing(path: Path | None) -> Path:
    if path is None or not path.is_dir():
        what = "is a file, not a folder" if path is not None and path.exists() else "does not exist"
        raise UsageError(f"data.path = {str(path)!r}: {what}; give the folder that holds the images")
    return path
