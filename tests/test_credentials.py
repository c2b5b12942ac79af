from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.credentials import hide_credentials, hide_url_credentials

IN_A_URL = st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"], exclude_characters="'\"*@"), min_size=1)
"""Passwords that need not be quoted to be told from the text around their URL."""

ANY = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="*"), min_size=1)

NAME = st.text(string.ascii_lowercase, min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sftp://ann:s3c@ret@host/x", "sftp://ann:***@host/x"),
        ("cannot write sftp://ann:s3cret@host/x: timed out", "cannot write sftp://ann:***@host/x: timed out"),
        ("'sftp://ann:it's s3cret@host'", "'sftp://ann:***@host'"),
        ("postgres:/ann:s3cret@host/db", "postgres:/ann:***@host/db"),
        ("postgresql//ann:s3cret@host/db", "postgresql//ann:***@host/db"),
        ("postgresql+foo://ann:s3cret@host/db", "postgresql+foo://ann:***@host/db"),
        ("postgresql:///ann:s3cret@host/db", "postgresql:///ann:***@host/db"),
        ("postgres:ann:s3cret@host", "postgres:***@host"),
        ("ann:s3cret@host/db", "ann:***@host/db"),
        ("a:s3cret@b and c://d:s3cret@e", "a:***@b and c://d:***@e"),
        ("https://ghp_s3cret@github.com/a", "https://***@github.com/a"),
        ("s3://b/x?X-Amz-Signature=s3cret&n=1", "s3://b/x?X-Amz-Signature=***&n=1"),
        ("db/nas?user=ann&password=s3cret", "db/nas?user=ann&password=***"),
        ("abfs://c/x?sv=1;AccountKey=s3cret", "abfs://c/x?sv=1;AccountKey=***"),
        ("host=db password=s3cret user=ann", "host=db password=*** user=ann"),
        ("AWS_SECRET_ACCESS_KEY='s3cret s3cret'", "AWS_SECRET_ACCESS_KEY=***"),
        ("{'token': 's3cret', 'n': 1}", "{'token': '***', 'n': 1}"),
    ],
)
def test_what_is_hidden(text: str, shown: str) -> None:
    assert hide_credentials(text) == shown
    assert hide_credentials(shown) == shown
    assert "s3cret" not in hide_url_credentials(text)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ann@db:5433/nas",
        "http://127.0.0.1:8265 does not answer; write to ann@example.org",
        "candidate 3: tier 0.1-0.2 ms, process 4 on host:17",
        "password authentication failed for user ann",
        "In a password, write @ as %40.",
        "recipe.epochs = 4",
    ],
)
def test_what_is_no_secret_is_shown(text: str) -> None:
    assert hide_credentials(text) == text


@given(password=IN_A_URL, user=NAME, before=NAME, after=NAME)
def test_a_password_in_a_message_is_hidden_whatever_it_is(password: str, user: str, before: str, after: str) -> None:
    shown = hide_credentials(f"{before} sftp://{user}:{password}@host/x {after}")
    assert shown == f"{before} sftp://{user}:***@host/x {after}"


@given(password=ANY, user=NAME, scheme=st.sampled_from(["sftp://", "s3:/", "postgres//", "postgresql:///"]))
def test_a_password_of_a_url_is_hidden_whatever_it_is(password: str, user: str, scheme: str) -> None:
    assert hide_url_credentials(f"{scheme}{user}:{password}@host/x") == f"{scheme}{user}:***@host/x"
