"""What does not fit is refused in one message, before anything is measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.acme import SPACE, install, install_acme
from tests.minimal import write_minimal

from tiernas.config import load_config
from tiernas.engines import get_engine
from tiernas.errors import UsageError
from tiernas.job import run_search
from tiernas.spaces.catalogue import SPACES


def refused(folder: Path, *overrides: str) -> str:
    """What a search says that must not begin."""
    config = write_minimal(folder)
    with pytest.raises(UsageError) as caught:
        run_search(load_config(config, overrides), stop=lambda: False, watch=lambda *_: None)
    assert len(str(caught.value).splitlines()) == 1
    assert not (folder / "run").exists()
    return str(caught.value)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "study.space=acme.spaces:SPAC",
            "study.space = 'acme.spaces:SPAC': acme.spaces has no 'SPAC'; did you mean 'SPACE'?",
        ),
        ("study.space=acme.space:SPACE", "there is no module 'acme.space'; did you mean 'spaces'?"),
        (
            "study.space=acme.engines:Engine",
            "is not a search space: Engine has no dimensions, num_classes, decode, encode",
        ),
        (
            "study.space=amce",
            f"no such search space; there are: {', '.join(SPACES.built_in)}, acme; did you mean 'acme'?",
        ),
        (
            "engine.name=acme.spaces:SPACE",
            "engine 'acme.spaces:SPACE': is not an engine: a ConvNetSpace has no precisions",
        ),
        ("engine.name=acme:", "engine.name = 'acme:': must be written as package.module:object"),
        ("search.optimizer=acme.data:open_digits", "is not an optimizer: a function has no ask, tell, add_pending"),
        (
            "data.kind=acme.spaces:SPACE",
            "must be a function that returns a tiernas.training.sources.Source, not a ConvNetSpace",
        ),
        ("data.kind=acme.teachers:Mean", "data.options.num_classes is missing; it must be set"),
    ],
)
def test_what_does_not_fit_is_one_message(site: Path, tmp_path: Path, override: str, said: str) -> None:
    install_acme(site)
    assert said in refused(tmp_path, override)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ["search.optimizer=patient", "search.options={patienc=3}"],
            "unknown key search.options.patienc; did you mean 'patience'?",
        ),
        (
            ["search.optimizer=patient", "search.options={patience='x'}"],
            "search.options.patience = 'x': input should be a valid integer",
        ),
        (
            ["search.optimizer=patient", "search.options={patience=0}"],
            "failed with ValueError: patience = 0: must be at least 1",
        ),
        (["search.options={n_initial=1}"], "search.options: n_initial must be 2 or more"),
        (["search.options={seed=1}"], "unknown key search.options.seed; known: n_initial, leaf_size, exploration"),
        (
            ["data.kind=acme-digits", "data.options={klasses=3}"],
            "unknown key data.options.klasses; did you mean 'classes'?",
        ),
        (["data.kind=acme-digits", "data.path=x"], "does not exist"),
        (["data.kind=acme-digits", "data.path=."], "data.path: there is no place for it"),
        (["data.kind=acme-digits", "data.options={classes=1}"], "there is only one class"),
        (["data.options={classes=3}"], "options is only for kind = package.module:function"),
        (["recipe.teacher={kind='mean'}"], "recipe.teacher.options.strength is missing"),
        (["recipe.teacher={kind='mean', name='x'}"], 'recipe.teacher: kind = "acme.teachers:make" takes no name'),
        (["recipe.teacher={kind='maen'}"], "did you mean 'mean'?"),
        (["recipe.teacher={kind='acme.teachers:mak'}"], "acme.teachers has no 'mak'; did you mean 'make'?"),
    ],
)
def test_wrong_options_are_one_message(site: Path, tmp_path: Path, overrides: list[str], said: str) -> None:
    install_acme(site)
    assert said in refused(tmp_path, *overrides)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('no licence')", "bad cannot be imported: RuntimeError: no licence ("),
        ("import acme_absent", "bad needs acme_absent, which is not installed"),
        (SPACE.replace('"acme"', '"gpunet"'), "calls itself 'gpunet', as one of tiernas does"),
        (
            SPACE.replace('"acme"', '"other"'),
            "calls itself 'other'; files record it so: its entry point must have the same",
        ),
        (
            SPACE + "    SPACE.canonical = lambda vectors: vectors * 0\n",
            "does not hold together: samples: vector 0: resolution (position 0) = 0 is not in space 'acme'",
        ),
        (
            SPACE + "    SPACE.layer_groups = lambda vectors: iter(())\n",
            "swish @16 0 times, decode(v).layers 1 times",
        ),
    ],
)
def test_a_broken_package_is_one_message(site: Path, tmp_path: Path, code: str, said: str) -> None:
    install(site, "bad", code, {"tiernas.spaces": {"bad": "bad:SPACE"}})
    assert said in refused(tmp_path, "study.space=bad")
    assert "no such search space" in refused(tmp_path, "study.space=gone"), "it disturbs nothing else"


def test_two_packages_with_one_name(site: Path, tmp_path: Path) -> None:
    install_acme(site)
    install(site, "other", "", {"tiernas.engines": {"acme": "other:Engine"}})
    said = "several have this name: acme.engines:Engine (acme 1.0) and other:Engine (other 1.0)"
    assert said in refused(tmp_path, "engine.name=acme")
    with pytest.raises(UsageError, match="several have this name"):
        get_engine("acme")
