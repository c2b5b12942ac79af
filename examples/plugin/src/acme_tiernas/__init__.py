"""Plug-ins for tiernas; `pyproject.toml` says under which names they are found."""
