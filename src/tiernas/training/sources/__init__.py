"""Where images come from: scikit-learn's digits, a folder of image files, parquet files."""

from tiernas.errors import UsageError
from tiernas.training.data_config import DataConfig
from tiernas.training.sources import digits, folder, parquet
from tiernas.training.sources.source import Part, Source

__all__ = ["Part", "Source", "open_source"]


def open_source(config: DataConfig) -> Source:
    """Lists the images of a configuration, without decoding any.

    Raises:
        UsageError: The folder is missing or empty, or not laid out as its kind says.
        NotInstalledError: Parquet files, and pyarrow is not installed.
    """
    if config.path is None:
        return digits.open_source()
    if not config.path.is_dir():
        what = "is a file, not a folder" if config.path.exists() else "does not exist"
        raise UsageError(f"data.path = {str(config.path)!r}: {what}; give the folder that holds the images")
    return folder.open_source(config.path) if config.kind == "folder" else parquet.open_source(config.path)
