"""An engine of a package: by name, by reference, as a class; told apart from others of its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.acme import ENGINE, install, install_acme

from tiernas.engines import Engine, Fingerprint, engine_names, get_engine
from tiernas.engines.fingerprint import OF_DEVICE
from tiernas.errors import UsageError


def test_it_is_found_by_name_by_reference_and_as_a_class(site: Path) -> None:
    install_acme(site)
    assert engine_names()[-1] == "acme"
    by_name, by_reference = get_engine("acme", precision="int8"), get_engine("acme.engines:Engine", threads=1)
    assert (by_name.name, by_name.precision, by_reference.precision) == ("acme", "int8", "fp32")
    assert type(by_name) is type(by_reference) is type(get_engine(type(by_name)))
    less = by_name.more_exact()
    assert type(less) is type(by_name)


def test_its_fingerprint_tells_the_class(site: Path) -> None:
    install_acme(site)
    install(site, "other", ENGINE)
    one, other = get_engine("acme").fingerprint(), get_engine("other:Engine").fingerprint()
    assert (one.engine, one.plugin) == ("acme", "acme.engines:Engine")
    assert one.differences(other) == {"plugin": ("acme.engines:Engine", "other:Engine")}
    assert "plugin" not in OF_DEVICE, "it is another engine, on whatever device"
    assert Fingerprint.from_dict(one.to_dict()) == one
    assert get_engine("openvino").fingerprint().plugin is None
    assert "plugin" not in get_engine("openvino").fingerprint().to_dict()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("class E(OpenVinoEngine): pass", "its name is 'openvino', which is built in"),
        ("class E(Engine): name = 'e'", "is not an engine: E has no precisions, fingerprint, compile"),
        ("E = OpenVinoEngine()", "is an object of OpenVinoEngine; name the class itself"),
        (
            "class E(OpenVinoEngine):\n    name = 'e'\n    def __init__(self, precision): pass",
            "engine 'e': failed with TypeError: ",
        ),
        (
            "class E(OpenVinoEngine):\n    name = 'e'\n    def __init__(self, *a): raise OSError('no device')",
            "engine 'e': failed with OSError: no device (",
        ),
        (
            "class E(OpenVinoEngine):\n    name = 'e'\n    @classmethod\n    def precisions(cls): return ('fp8',)",
            "e runs fp8",
        ),
    ],
)
def test_what_is_no_engine_is_refused(site: Path, code: str, said: str) -> None:
    install(
        site,
        "bad",
        f"from tiernas.engines import Engine\nfrom tiernas.engines.openvino import OpenVinoEngine\n{code}\n",
    )
    with pytest.raises(UsageError) as caught:
        get_engine("bad:E")
    assert said in str(caught.value)


def test_an_object_is_no_class() -> None:
    with pytest.raises(UsageError, match="is an object of OpenVinoEngine; name the class itself"):
        get_engine(get_engine("openvino"))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"engine .*: is not an engine: Engine has no"):
        get_engine(Engine)
