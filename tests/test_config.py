from __future__ import annotations

import copy
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.minimal import MINIMAL
from torch import nn

from tiernas.config import SearchConfig, load_config
from tiernas.engines import get_engine
from tiernas.errors import UsageError
from tiernas.executors import RaySettings
from tiernas.latency.measuring.measure import LIMIT_S
from tiernas.limits import Limits
from tiernas.search import Optimizer, RandomSearch
from tiernas.spaces import ConvNetSpace, StageRange, get_space


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(MINIMAL)
    return path


def test_defaults(file: Path) -> None:
    config = load_config(file)
    assert [tier.name for tier in config.tier_list()] == ["0.2-0.4", "0.4-0.8"]
    assert config.search.optimizer == "lamcts"
    assert config.finalists.measure_seconds == LIMIT_S
    assert config.latency_table_path == file.parent / "runs/mine/latency-table.jsonl"
    assert config.workers.local_processes >= 1
    assert config.ledger == file.parent / "runs/mine/ledger.sqlite"
    assert config.checkpoints == f"{file.parent}/runs/mine/checkpoints"
    assert config.table.path == file.parent / "model-table"
    assert config.data.image_size == 128, "the largest resolution of the space"
    assert load_config(file, ["study.space=gpunet"]).data.image_size == 512
    assert load_config(file, ["data.image_size=32"]).data.image_size == 32


def test_networks_are_measured_here_or_on_a_device(file: Path) -> None:
    assert load_config(file).device.address is None
    assert load_config(file, ["device.address=ssh://pi@kitchen:22/"]).device.address == "ssh://pi@kitchen:22"
    by_kit = load_config(file, ["device.address=kit", "latency.table=there.jsonl"])
    assert by_kit.device.by_kit
    assert by_kit.kit_results == file.parent / "runs/mine/kits"


def test_finalists_may_have_a_teacher_of_their_own(file: Path) -> None:
    lite0, lite1 = (f'{{kind="efficientnet-lite", name="lite{i}"}}' for i in range(2))
    alone = load_config(file)
    assert alone.finalist_recipe == alone.recipe.model_copy(update={"epochs": alone.finalists.epochs})
    taught = load_config(file, [f"finalists.teacher={lite0}"])
    assert taught.recipe.teacher is None
    assert taught.finalist_recipe.teacher is not None
    assert taught.finalist_recipe.teacher.name == "lite0"
    both = load_config(file, [f"recipe.teacher={lite0}", f"finalists.teacher={lite1}"])
    assert [recipe.teacher and recipe.teacher.name for recipe in (both.recipe, both.finalist_recipe)] == [
        "lite0",
        "lite1",
    ]
    inherited = load_config(file, [f"recipe.teacher={lite0}"])
    assert inherited.finalist_recipe.teacher == inherited.recipe.teacher


def test_limits(file: Path) -> None:
    assert load_config(file).limits.limits == Limits()
    limited = load_config(file, ["limits.params=2e6", "limits.activations_mb=0.5"])
    assert limited.limits.limits == Limits(params=2_000_000, activations_mb=0.5)


def test_limits_in_megabytes_need_a_precision_of_known_width(file: Path) -> None:
    own = ["engine.name=acme:Engine", "engine.precision=mixed"]
    assert load_config(file, [*own, "limits.params=9"]).limits.params == 9
    with pytest.raises(
        UsageError, match=r"mine\.toml: limits: weights_mb = 2: precision 'mixed' does not say how many"
    ):
        load_config(file, [*own, "limits.weights_mb=2"])


def test_overrides_are_toml_or_bare_words(file: Path) -> None:
    config = load_config(file, ["search.trainings=7", "search.optimizer=random", "tiers.edges=[1, 2]", "data.seed = 4"])
    assert (config.search.trainings, config.search.optimizer, config.data.seed) == (7, "random", 4)
    assert [tier.name for tier in config.tier_list()] == ["1-2"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "search.trainigs=3",
            r"unknown key search\.trainigs; did you mean 'trainings'\? Known here: optimizer",
        ),
        ("serch.trainings=3", r"unknown key serch; did you mean 'search'\?"),
        ("recipe.epoch=3", r"unknown key recipe\.epoch; did you mean 'epochs'\?"),
        ("search.trainings=0", r"search\.trainings = 0: input should be greater than or equal to 1"),
        ("search.trainings=many", r"search\.trainings = 'many': input should be a valid integer"),
        ("search.optimizer=grid", r"search\.optimizer = 'grid': no such optimizer; there are: lamcts, thompson, "),
        ("recipe.learning_rate=-1", r"recipe\.learning_rate = -1: input should be greater than 0"),
        ("study.space=resnet", r"study\.space = 'resnet': no such search space; there are: gpunet"),
        ("study.name=a/b", r"study\.name = 'a/b'"),
        ("tiers.edges=[0.4, 0.2]", "must be increasing"),
        ("tiers.edges=[0.4]", r"tiers\.edges"),
        ("tiers.edges=[-1, 2]", "non-negative"),
        ("limits.params=0", r"limits\.params = 0: input should be greater than or equal to 1"),
        ("limits.params=1.5", r"limits\.params = 1\.5: input should be a valid integer"),
        ("limits.activations_mb=0", r"limits\.activations_mb = 0: input should be greater than 0"),
        ("limits.weights_mb=inf", r"limits\.weights_mb = inf: input should be a finite number"),
        ("limits.weight_mb=1", r"unknown key limits\.weight_mb; did you mean 'weights_mb'\? Known here: params, macs"),
        ("latency.other_clases=true", r"did you mean 'other_classes'\?"),
        ("data.kind=folder", r"needs path"),
        ("data.path=/tmp", r"path is only for"),
        ("search.order=fastest", r"search\.order = 'fastest': input should be 'reproducible' or 'asynchronous'"),
        ("search.pending=-1", r"search\.pending = -1: input should be greater than or equal to 0"),
        ("search.reuse=runs/other", r"search\.reuse = 'runs/other': input should be a valid list"),
        ("search.screen.epochs=[2, 1]", r"search\.screen\.epochs = \[2, 1\]: must increase"),
        ("search.screen.epochs=[1, 3]", r"search\.screen\.epochs = \[1, 3\]: each must be below recipe\.epochs = 3"),
        ("search.screen.epochs=[0]", r"search\.screen\.epochs\.0 = 0: input should be greater than or equal to 1"),
        ("search.screen.keep=1", r"search\.screen\.keep = 1: input should be less than 1"),
        ("search.screen.audit=1", r"search\.screen\.audit = 1: input should be greater than or equal to 2"),
        ("search.screen.epoch=[1]", r"unknown key search\.screen\.epoch; did you mean 'epochs'\?"),
        ("rivals.networks=['resnet21']", r"rivals\.networks\.0 = 'resnet21': 'resnet21' is no rival; did you mean"),
        ("rivals.networks=['resnet20@7']", r"after @ stands a resolution in pixels, 8 to 1024"),
        ("rivals.sets=mobil", r"rivals\.sets\.0 = 'mobil': no such set of rivals; there are: mobile, cifar, small"),
        ("finalists.seeds=0", r"finalists\.seeds = 0: input should be greater than or equal to 1"),
        ("finalists.repeats=-1", r"finalists\.repeats = -1: input should be greater than or equal to 0"),
        ("finalists.repeat_best=0", r"finalists\.repeat_best = 0: input should be greater than or equal to 1"),
        ("study.ledger=mysql://db/x", r"study\.ledger = 'mysql://db/x': .*sqlite:///PATH or postgresql://"),
        ("study.checkpoints='sftp:/me:s@host/x'", r"checkpoints = 'sftp:/me:\*\*\*@host/x': is neither a folder nor"),
        ("search.reuse=['postgresql://me:s@db/x']", r"reuse\.0 = .*me:\*\*\*@db.*: is a URL; give the output folder"),
        ("study.ledger=runs/other", r"study\.ledger = 'runs/other': is a path; give a URL"),
        ("study.ledger=postgresql://u:${NOWHERE}@db/x", r"names the environment variable 'NOWHERE', which is not set"),
        ("workers.executor=slurm", r"workers\.executor = 'slurm': input should be 'local' or 'ray'"),
        ("workers.gpus=1", r"workers\.gpus = 1\.0: only for workers\.executor = 'ray'"),
        ("workers.cpus=2", r"workers\.cpus = 2\.0: only for workers\.executor = 'ray'"),
        ("workers.address=auto", r"workers\.address = 'auto': only for workers\.executor = 'ray'"),
        (
            "engine.name=OpenVIN0",
            r"engine\.name = 'OpenVIN0': no such engine; .*tensorrt-rtx; did you mean 'openvino'\?$",
        ),
        ("engine.name=tpu", r"engine\.name = 'tpu': no such engine; there are: openvino, .*tensorrt-rtx\.$"),
        ("engine.precision=int4", r"engine\.precision = 'int4': no such precision; .*; did you mean 'int8'\?$"),
        ("engine.precision=FP32", r"did you mean 'fp32'\?$"),
        ("search.optimizer=tepe", r"did you mean 'tpe'\?$"),
        ("study.space=gpu-net", r"did you mean 'gpunet'\?$"),
        ("data.kind=folders", r"data\.kind = 'folders': no such kind of data; .*; did you mean 'folder'\?$"),
        ("recipe.presett=paper", r"unknown key recipe\.presett; did you mean 'preset'\?"),
        (
            'recipe.teacher={kind="timm", name="x", wieght=1}',
            r"unknown key recipe\.teacher\.wieght; did you mean 'weight'\?",
        ),
        ('finalists.teacher={kind="timm", nmae="x"}', r"unknown key finalists\.teacher\.nmae; did you mean 'name'\?"),
        ('finalists.teacher={kind="timn", name="x"}', r"finalists\.teacher\.kind = 'timn': .*did you mean 'timm'\?"),
        ('recipe.teacher={kind="timm"}', r'recipe\.teacher: kind = "timm" needs name\.$'),
        ("recipe.teacher=resnet18", r"teacher = 'resnet18': must be a section of the file, \[recipe\.teacher\]"),
        ("search.screen=[1]", r"search\.screen = \[1\]: must be a section of the file, \[search\.screen\]"),
        ("device.address=kitchen", r"device\.address = 'kitchen': .*must be ssh://\[USER@\]HOST\[:PORT\]"),
        ("device.address=ssh://pi:s3cret@kitchen", r"device\.address = '.*\*\*\*.*': .*contains a password"),
        ("device.address=kit", r"device\.address = 'kit': the latency table must be of that device"),
        ("study.zzz=1", r"unknown key study\.zzz\. Known here: name, space"),
        ("study.name=2024", r"study\.name = 2024: input should be a valid string; write it in quotation marks\.$"),
        ("study.output=", r"study\.output = '': not a path"),
        ("search.reuse=['a\\u0000']".replace("'", '"'), r"search\.reuse = 'a\\x00': not a path"),
        ("finalists.measure_seconds=inf", r"finalists\.measure_seconds = inf: input should be a finite number"),
        ("workers.time_limit_minutes=nan", r"workers\.time_limit_minutes = nan: input should be"),
        ("tiers.edges=[0.2, inf]", r"tiers\.edges\.1 = inf: input should be a finite number"),
        ("search.trainings=" + "9" * 5000, r"search\.trainings = '9{100}.*\.\.\.: "),
        ("search.trainings=1\nx=2", r"search\.trainings = '1\\nx=2': input should be a valid integer"),
        ("search.=1", "must be section.key=value"),
        (".trainings=1", "must be section.key=value"),
        ("search..trainings=1", "must be section.key=value"),
        ("=1", "must be section.key=value"),
        ("workers.count=0", r"workers\.count = 0: input should be greater than or equal to 1"),
        ("workers.time_limit_minutes=0", r"workers\.time_limit_minutes = 0: input should be greater than 0"),
        ("trainings=3", "must be section.key=value"),
        ("study.name.first=3", "name is not a section"),
    ],
)
def test_every_mistake_names_the_key_the_value_and_what_is_allowed(file: Path, override: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        load_config(file, [override])
    assert len(str(error.value).splitlines()) == 1


def test_rivals_are_named_one_by_one_and_by_sets(file: Path) -> None:
    config = load_config(file, ["rivals.networks=['mobilenetv2-0.5', 'resnet20@48']", "rivals.sets=small"])
    assert config.rivals.names == ("mobilenetv2-0.5", "resnet20@48", "mobilenetv2-0.35")
    assert load_config(file).rivals.names == ()
    for override in ("recipe.start=efficientnet-lite0", "device.address=kit"):
        with pytest.raises(UsageError, match=r"\[rivals\]: rivals|latency\.table"):
            load_config(file, ["rivals.sets=small", override])


@pytest.mark.parametrize("name", ["lamcts", "thompson", "trust_region", "tpe", "evolution", "sobol", "random"])
def test_every_optimizer_can_be_named(file: Path, name: str) -> None:
    assert isinstance(load_config(file, [f"search.optimizer={name}"]).search.optimizer_factory()([2, 3]), Optimizer)


def test_a_password_comes_from_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_PASSWORD", "p@ss/word")
    config = load_config(file, ["study.ledger=postgresql://me:${LEDGER_PASSWORD}@db/tiernas"])
    assert config.ledger == "postgresql://me:p%40ss%2Fword@db/tiernas"
    assert "p%40ss" not in repr(config)
    monkeypatch.setenv("LEDGER", "postgresql://me:p%40ss@db/tiernas")
    assert load_config(file, ["study.ledger=${LEDGER}"]).ledger == "postgresql://me:p%40ss@db/tiernas"


def test_a_password_is_never_shown(file: Path) -> None:
    with pytest.raises(UsageError) as error:
        load_config(file, ["study.ledger=mysql://me:se/cr@et@db/tiernas"])
    assert "mysql://me:***@db/tiernas" in str(error.value)
    chain = error.value.__cause__, error.value.__context__
    assert "cr@et" not in str(error.value)
    assert error.value.__suppress_context__
    assert chain[0] is None


def test_modules_that_trainings_import(file: Path) -> None:
    assert load_config(file).worker_modules == ()
    teachers = ['recipe.teacher={kind="school.one:f"}', 'finalists.teacher={kind="module", name="other:f"}']
    assert load_config(file, ["data.kind=acme.data:f", *teachers]).worker_modules == ("acme", "other", "school")
    assert load_config(file, ["study.space=tiernas.spaces.gpunet:GPUNET", "engine.name=x:E"]).worker_modules == ()


def test_one_key_may_need_another(file: Path) -> None:
    ray = "workers.executor=ray"
    config = load_config(file, [ray, "workers.address=auto", "workers.gpus=0.5", "workers.count=9"])
    assert config.workers.ray_settings == RaySettings(address="auto", count=9, gpus=0.5)
    with pytest.raises(UsageError, match=r"gpus per candidate = 1\.5: must be 0 to 1"):
        load_config(file, [ray, "workers.gpus=1.5"])


def test_several_mistakes_are_all_named(file: Path) -> None:
    with pytest.raises(UsageError) as error:
        load_config(file, ["search.trainings=0", "recipe.epochs=0"])
    assert "search.trainings" in str(error.value)
    assert "recipe.epochs" in str(error.value)


def test_what_is_missing_is_named(file: Path) -> None:
    file.write_text(MINIMAL.replace('name = "mine"', ""))
    with pytest.raises(UsageError, match=r"study\.name is missing"):
        load_config(file)


def test_a_file_may_begin_with_a_byte_order_mark(file: Path) -> None:
    plain = load_config(file)
    file.write_text(MINIMAL, encoding="utf-8-sig")
    assert load_config(file) == plain


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[study\n", r"mine\.toml is not TOML: .*line 1"),
        (MINIMAL.encode("utf-16"), r"is not TOML: it is not UTF-8 \(byte 0\); save it as UTF-8$"),
        ('x = "für"'.encode("latin-1"), r"it is not UTF-8 \(byte 6\)"),
        (b"", r"mine\.toml is empty; write one with: tiernas init DATA"),
        (b" \n\n", "is empty"),
        (b"x = " + b"[" * 100_000, "nested too deeply"),
        (b"x = " + b"9" * 5000, "is not TOML: Exceeds the limit"),
        (b"study = 3", r"study = 3: must be a section of the file, \[study\]\."),
        (b"[[study]]", r"study = \[\{\}\]: must be a section of the file"),
        (b'"a\\nb" = 3', r"unknown key 'a\\nb'"),
        (b"[table]\npath = 3", r"table\.path = 3: input is not a valid path"),
        (b"table = 3", r"table = 3: must be a section of the file, \[table\]"),
    ],
)
def test_a_file_that_is_no_configuration(file: Path, content: bytes, message: str) -> None:
    file.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        load_config(file)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no configuration file .*nothing\.toml; write one with: tiernas init DATA"):
        load_config(tmp_path / "nothing.toml")
    with pytest.raises(UsageError, match="cannot be read: it is a folder"):
        load_config(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be read: Not a directory"):
        load_config(tmp_path / "file" / "mine.toml")


SECTIONS = [
    ("study", "nmae"), ("data", "pathh"), ("recipe", "epochz"), ("recipe.teacher", "nam"), ("engine", "nam"),
    ("latency", "tabel"), ("tiers", "edge"), ("limits", "parms"), ("search", "tranings"), ("search.screen", "epoch"),
    ("device", "adress"),
    ("finalists", "epoks"), ("finalists.teacher", "temprature"), ("workers", "counts"), ("table", "paht"),
]  # fmt: skip


@pytest.mark.parametrize(("section", "typo"), SECTIONS)
def test_a_typo_in_any_section_is_named(file: Path, section: str, typo: str) -> None:
    with pytest.raises(UsageError, match=rf"unknown key {section}\.{typo}; did you mean '\w+'\? Known here: "):
        load_config(file, [f"{section}.{typo}=1"])


class Patient(RandomSearch):
    pass


def teacher(num_classes: int) -> nn.Module:
    return nn.Linear(1, num_classes)


SPACE = ConvNetSpace(
    "of-tests",
    resolution=(32, 64),
    stem_filters=(8, 16),
    stem_layers=(1, 2),
    stages=(StageRange(filters=(8, 16, 8), layers=(1, 2)),) * 6,
    head_filters=8,
    num_classes=4,
)


def test_objects_stand_where_names_do() -> None:
    sections = tomllib.loads(MINIMAL)
    sections["study"]["space"] = SPACE
    sections["engine"] = {"name": type(get_engine("openvino"))}
    sections["search"] = {"optimizer": Patient}
    sections["recipe"]["teacher"] = {"kind": teacher}
    config = SearchConfig.model_validate(sections)
    assert config.study.space == f"{__name__}:SPACE"
    assert get_space(config.study.space) is SPACE
    assert config.data.image_size == 64
    assert config.engine.name == "openvino"
    assert config.search.optimizer == f"{__name__}:Patient"
    assert isinstance(config.search.optimizer_factory()([2, 3]), Patient)
    assert config.recipe.teacher is not None
    assert config.recipe.teacher.kind == f"{__name__}:teacher"
    assert SearchConfig.model_validate(config.model_dump()) == config


def test_an_object_that_does_not_fit_is_no_name() -> None:
    sections = tomllib.loads(MINIMAL)
    sections["study"]["space"] = Patient
    with pytest.raises(ValidationError, match="is not a search space: Patient has no name"):
        SearchConfig.model_validate(sections)
    sections["study"]["space"] = copy.copy(SPACE)
    with pytest.raises(ValidationError, match="a ConvNetSpace that no module contains"):
        SearchConfig.model_validate(sections)
