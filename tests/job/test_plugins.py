"""What does not fit is refused in one message, before anything is measured."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from tests.acme import SPACE, install, install_acme
from tests.example import install_example
from tests.minimal import write_minimal

from tiernas.config import load_config
from tiernas.engines import get_engine
from tiernas.errors import UsageError
from tiernas.job import run_search
from tiernas.job.latency_table import given_table, require_usable
from tiernas.latency.estimating import table_file
from tiernas.spaces import get_space
from tiernas.spaces.catalogue import SPACES
from tiernas.testing.latency import records


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
        (["data.kind=acme-digits", "data.path=."], "data.path is not supported"),
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
        (SPACE.replace('"acme"', '"gpunet"'), "its name is 'gpunet', which is built in"),
        (
            SPACE.replace('"acme"', '"other"'),
            "its name is 'other', which files record: give it and its entry point the same",
        ),
        (
            SPACE + "    SPACE.canonical = lambda vectors: vectors * 0\n",
            "is inconsistent: canonical vectors: vector 0: resolution (position 0) = 0 is not in space 'acme'",
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
    said = "the name is ambiguous: acme.engines:Engine (acme 1.0) and other:Engine (other 1.0)"
    assert said in refused(tmp_path, "engine.name=acme")
    with pytest.raises(UsageError, match="the name is ambiguous"):
        get_engine("acme")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'block = "sandglass"',
            'block = "glass"',
            "is inconsistent: blocks: block 'glass': no such block; there are",
        ),
        (
            'block = "sandglass"',
            'block = "irb"',
            "SandglassBlock has the name 'irb', by which files find tiernas.blocks.irb:IrbBlock; give it ",
        ),
        (
            "return self.out_channels, size, size",
            "return self.out_channels, size + 1, size + 1",
            "blocks[2] (sandglass 3x3/2 24-16-32 @6) takes 24 x 6 x 6, but blocks[1] outputs 24 x 7 x 7",
        ),
        (
            "convolution(outs, outs, self.kernel, self.stride, groups=outs)",
            "convolution(outs, outs, self.kernel, groups=outs)",
            "block 'sandglass': its module outputs 24 x 12 x 12, but its out_shape is 24 x 6 x 6 "
            "(layer 1, sandglass 3x3/2 16-12-24 @12)",
        ),
        (
            "convolution(ins, mid, 1)",
            "convolution(ins + 1, mid, 1)",
            "its module fails for its in_shape, 16 x 12 x 12, on torch's device 'meta': RuntimeError: ",
        ),
        ("body = nn.Sequential(", "body = nn.Sequential(1 / 0,", "its module cannot be built: ZeroDivisionError: "),
        ("return Residual(body, ", "return [body] or (", "module() returns a list; must return a torch.nn.Module"),
        ("return Residual(body, ", "return nn.GRU(3, 3) or (", "its module fails for its in_shape, 16 x 12 x 12"),
        (
            '"pointwise_macs": before',
            '"pointed_macs": before',
            "work: ValueError: block 'sandglass' counts pointed_macs, which its work_kinds do not include",
        ),
        (
            '"weights": (kernel**2 + mid) * (ins + outs)',
            '"weights": np.ones(3)',
            "block 'sandglass' counts weights in shape (3,) for 18 layers; must be one per layer",
        ),
        ("before * (3 * ins", "-before * (3 * ins", "block 'sandglass' counts moved = -"),
        ("macs=rows.macs()", "macs=np.ones(3)", "block 'sandglass' counts macs in shape (3,) for 18 layers; must be"),
        ("other_params=2", "other_params=-2", "block 'sandglass' counts other_params = -"),
        (
            "axis=1))",
            "axis=0))",
            "block 'sandglass' returns a likeness of shape (6, 18) for 18 layers; must be a row",
        ),
        ("axis=1))", "axis=1)) + np.inf", "block 'sandglass' returns a likeness that is not finite"),
    ],
)
def test_a_block_that_contradicts_itself_is_one_message(
    site: Path, tmp_path: Path, old: str, new: str, said: str
) -> None:
    install_example(site, changes={old: new})
    assert said in refused(tmp_path, "study.space=acme-sandglass")


@pytest.fixture
def older_table(site: Path, tmp_path: Path) -> Path:
    """A latency table of this device, of networks that another version of the example's space had."""
    install_example(site)
    path, space = tmp_path / "older.jsonl", get_space("acme-sandglass")
    table_file.create(path, table_file.new_header(space, 10, 0, get_engine("openvino").fingerprint()))
    for record in records(24, space=space):
        table_file.append(path, record)
    return path


def test_a_latency_table_of_another_version_of_a_space_is_refused(
    site: Path, tmp_path: Path, older_table: Path
) -> None:
    install_example(site, "1.1", {'"resolution": (24, 32, 48)': '"resolution": (24, 32, 64)'})
    said = refused(tmp_path, "study.space=acme-sandglass", f"latency.table={older_table}")
    assert said.startswith(f"{older_table}: ")
    assert "was built for another space that was also called 'acme-sandglass'" in said
    assert "(of acme_tiernas 1.0; this one is of acme_tiernas 1.1)" in said


def test_a_latency_table_of_the_same_space_of_another_version_is_used_with_a_warning(
    site: Path, tmp_path: Path, older_table: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for version, warnings in (("1.0", 0), ("1.1", 1)):
        install_example(site, version)
        caplog.clear()
        keys = ["study.space=acme-sandglass", f"latency.table={older_table}"]
        config = load_config(write_minimal(tmp_path), keys)
        table = given_table(config, get_space(config.study.space), get_engine("openvino"))
        assert table is not None
        require_usable(config, table, begun=True)
        told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        told = [message for message in told if "its networks were measured with" in message]
        assert len(told) == warnings
    assert "were measured with acme_tiernas 1.0, and this is acme_tiernas 1.1; if the blocks of space" in told[0]
