"""The environment of worker processes: without credentials, except those that training needs."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from urllib.parse import unquote, urlsplit

_SECRET = re.compile(
    r"(?:^|_)(?:(?:SSH)?PASS|PASSWORD|PASSWD|PASSPHRASE|PASSFILE|PW|PWD|PAT|JWT|SECRETS?|TOKENS?|CREDENTIALS?|CREDS?"
    r"|A?P?I?KEYS?|DSN|AUTH)(?:_|$)|^PG[A-Z]+$|^(?:AWS|AZURE|GOOGLE|GCLOUD|GCP|ALIBABA_CLOUD|OSS|OCI|WANDB|DATABASE|POSTGRES|POSTGRESQL)_"
)
_NO_SECRETS = {"PWD", "OLDPWD"}

_URL_WITH_PASSWORD = re.compile(r"://[^/\s:@]*:[^\s]+@")
_PROXY = re.compile(r"^\w+_PROXY$")

_CLOUDS = {
    "s3": ("AWS_", "FSSPEC_S3"),
    "s3a": ("AWS_", "FSSPEC_S3"),
    "gs": ("GOOGLE_", "GCLOUD_", "GCP_", "FSSPEC_G"),
    "gcs": ("GOOGLE_", "GCLOUD_", "GCP_", "FSSPEC_G"),
    "az": ("AZURE_", "FSSPEC_A"),
    "abfs": ("AZURE_", "FSSPEC_A"),
    "abfss": ("AZURE_", "FSSPEC_A"),
    "sftp": ("SSH_", "FSSPEC_S"),
    "ssh": ("SSH_", "FSSPEC_S"),
    "hf": ("HF_",),
}
"""Prefixes of the variables that fsspec's filesystems take their credentials from."""

_HUB = ("HF_", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_")


def training_environment(
    *, checkpoints: str = "", ledger: str = "", hub: bool = False, names: Collection[str] = ()
) -> dict[str, str]:
    """The variables of this process without credentials: names that look like one, and URLs with a password.

    Args:
        checkpoints: Where checkpoints are kept. For a URL, the credentials of its filesystem are passed on.
        ledger: Where the ledger is; a variable that contains its password is removed, whatever its name.
        hub: Whether training downloads from the Hugging Face Hub; its token is passed on then.
        names: Further variables to pass on: names, or prefixes that end in `_`.
    """
    kept = (*_storage(checkpoints), *(_HUB if hub else ()))
    password = unquote(urlsplit(ledger).password or "") if "://" in ledger else ""

    def stays(name: str, value: str) -> bool:
        if name in names or name.upper().startswith((*kept, *(n for n in names if n.endswith("_")))):
            return True
        secret = _SECRET.search(name.upper()) is not None and name not in _NO_SECRETS
        url = _URL_WITH_PASSWORD.search(value) is not None and not _PROXY.match(name.upper())
        return not (secret or url or (password and value == password))

    return {name: value for name, value in os.environ.items() if stays(name, value)}


def _storage(checkpoints: str) -> tuple[str, ...]:
    if "://" not in checkpoints:
        return ()
    protocol = checkpoints.partition("://")[0].partition("::")[0].lower()
    return _CLOUDS.get(protocol, (f"{protocol.upper()}_", f"FSSPEC_{protocol.upper()}"))
