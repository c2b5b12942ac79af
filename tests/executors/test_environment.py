from __future__ import annotations

import os

import pytest

from tiernas.executors.environment import training_environment

SECRETS = {
    "LEDGER_PASSWORD": "a",
    "PGPASSWORD": "a",
    "PGHOST": "db",
    "DATABASE_URL": "postgresql://me:a@db/mine",
    "LEDGER": "postgresql://me:a@db/mine",
    "BARE_NAME": "open sesame/1",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "a",
    "AWS_PROFILE": "a",
    "GOOGLE_APPLICATION_CREDENTIALS": "/a",
    "AZURE_STORAGE_CONNECTION_STRING": "a",
    "HF_TOKEN": "a",
    "GITHUB_TOKEN": "a",
    "BUILD_PAT": "a",
    "SSHPASS": "a",
    "OPENAI_API_KEY": "a",
    "RAY_AUTH_TOKEN": "a",
    "SSH_AUTH_SOCK": "/a",
    "my_secret": "a",
}
OPEN = {
    "PATH": "/bin",
    "HOME": "/home/me",
    "PWD": "/home/me",
    "PYTHONPATH": "/a",
    "LD_LIBRARY_PATH": "/a",
    "CUDA_VISIBLE_DEVICES": "1",
    "ONEDNN_VERBOSE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HOME": "/a",
    "HF_DATASETS_OFFLINE": "1",
    "XDG_CACHE_HOME": "/a",
    "https_proxy": "http://me:a@proxy:3128",
    "KEYBOARD": "a",
    "TERM": "xterm",
}

ALWAYS = {"PYTEST_CURRENT_TEST"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {**SECRETS, **OPEN})


def test_credentials_stay_with_the_server_and_all_else_is_handed_on() -> None:
    ledger = "postgresql://me:open%20sesame%2F1@db/mine"
    found = training_environment(ledger=ledger, checkpoints="/shared/checkpoints")
    assert {name: value for name, value in found.items() if name not in ALWAYS} == OPEN
    assert training_environment().keys() - OPEN.keys() - ALWAYS == {"BARE_NAME"}, "who could tell"


@pytest.mark.parametrize(
    ("checkpoints", "names"),
    [
        ("s3://bucket/mine", {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"}),
        ("gs://bucket/mine", {"GOOGLE_APPLICATION_CREDENTIALS"}),
        ("abfs://bucket/mine", {"AZURE_STORAGE_CONNECTION_STRING"}),
        ("sftp://host/mine", {"SSH_AUTH_SOCK"}),
        ("github://host/mine", {"GITHUB_TOKEN"}),
        ("memory://mine", set()),
    ],
)
def test_what_reaches_the_checkpoints_is_handed_on(checkpoints: str, names: set[str]) -> None:
    found = training_environment(checkpoints=checkpoints, ledger="postgresql://me:open%20sesame%2F1@db/mine")
    assert found.keys() - OPEN.keys() - ALWAYS == names


def test_what_data_and_the_user_name_is_handed_on() -> None:
    found = training_environment(hub=True, names=("BARE_NAME", "OPENAI_API_KEY", "RAY_"))
    assert found.keys() - OPEN.keys() - ALWAYS == {"HF_TOKEN", "BARE_NAME", "OPENAI_API_KEY", "RAY_AUTH_TOKEN"}
