from __future__ import annotations

import pytest

from tiernas.errors import NotInstalledError, UsageError, about


def test_a_key_stands_before_what_is_said_of_its_value() -> None:
    with pytest.raises(UsageError, match=r"^data\.path = 'x': there is no such folder$"), about("data.path = 'x'"):
        raise UsageError("there is no such folder")


def test_a_missing_package_has_nothing_to_do_with_the_key() -> None:
    with pytest.raises(NotInstalledError, match=r"^timm is not installed\.") as caught, about("recipe.teacher.name"):
        raise NotInstalledError("timm", "pretrained")
    assert caught.value.extra == "pretrained"
