"""Plug-ins for tiernas; `pyproject.toml` defines their names."""
