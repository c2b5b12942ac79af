"""An entry of the model table as the files that a deployment needs."""

from __future__ import annotations

import shutil
from pathlib import Path

from tiernas.engines.openvino import save_ir
from tiernas.errors import UsageError
from tiernas.networks import check_onnx, export_onnx
from tiernas.table.card import card
from tiernas.table.entry import Entry
from tiernas.table.model_table import ModelTable


def export(table: ModelTable, entry: Entry, folder: Path) -> list[Path]:
    """Writes ONNX, OpenVINO IR, weights, architecture and a card; the ONNX file is checked against torch.

    Args:
        table: The table.
        entry: One of its entries.
        folder: Where to write; made if it is missing.

    Returns:
        The files, the card first.

    Raises:
        UsageError: The folder cannot be written.
        NotInstalledError: OpenVINO is not installed.
    """
    network = table.network(entry)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = {suffix: folder / f"{entry.name}.{suffix}" for suffix in ("onnx", "xml", "bin", "safetensors", "json")}
        export_onnx(network, files["onnx"], batch=entry.batch)
        difference = check_onnx(files["onnx"], network)
        save_ir(files["onnx"], files["xml"])
        shutil.copyfile(table.weights_path(entry), files["safetensors"])
        files["json"].write_text(network.architecture.to_json() + "\n", encoding="utf-8")
        readme = folder / "README.md"
        readme.write_text(card(entry, difference), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"export to {folder}: cannot be written ({error.strerror})") from error
    return [readme, *files.values()]
