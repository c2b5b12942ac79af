"""Images from a function of a package: what it gets, what it may return, and when they are decoded anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.acme import install, install_acme

from tiernas.errors import UsageError
from tiernas.training import DataConfig, load_data
from tiernas.training.sources import open_source

GREY = """
from pathlib import Path
import numpy as np
from PIL import Image
from tiernas.training.sources import Part, Source

def open_grey(path: Path, levels: int = 2, test: bool = False) -> Source:
    counts = [int(word) for word in path.read_text().split()]
    labels = np.repeat(np.arange(levels), counts[0])
    names = [f"image {i}" for i in range(len(labels))]
    part = Part(labels, names, lambda i: Image.new("L", (8, 8), int(labels[i]) * 100))
    return Source(tuple(f"level {i}" for i in range(levels)), part, test=part if test else None)
"""


@pytest.fixture
def counts(site: Path) -> Path:
    install(site, "grey", GREY, {"tiernas.data": {"grey": "grey:open_grey"}})
    (site / "counts.txt").write_text("10")
    return site / "counts.txt"


def test_by_name_and_by_reference(counts: Path) -> None:
    for kind in ("grey", "grey:open_grey"):
        config = DataConfig(kind=kind, path=counts, options={"levels": 3}, image_size=8)
        splits = load_data(config)
        assert splits.classes == ("level 0", "level 1", "level 2")
        assert splits.counts == {"train": 22, "validation": 4, "test": 4, "skipped": 0}
        assert config.kind == "grey:open_grey", "what a worker on another machine can find"
        assert config.shown == "counts.txt"
        assert DataConfig.model_validate_json(config.model_dump_json()) == config


def test_a_split_of_its_own_is_used(counts: Path) -> None:
    splits = load_data(DataConfig(kind="grey", path=counts, options={"test": True}, image_size=8))
    assert splits.counts["test"] == 20


def test_what_is_kept_is_made_anew_when_code_or_file_change(counts: Path, site: Path, tmp_path: Path) -> None:
    config = DataConfig(kind="grey", path=counts, image_size=8)
    cache = tmp_path / "cache"

    def kept() -> int:
        load_data(config, cache_dir=cache, tell=False)
        return len(list(cache.glob("data-*.safetensors")))

    assert [kept(), kept()] == [1, 1]
    counts.write_text("11")
    assert kept() == 2
    (site / "grey" / "__init__.py").write_text(GREY + "# changed\n")
    assert kept() == 3


def test_configurations_of_tiernas_are_written_as_ever() -> None:
    """Else what an earlier version decoded would be decoded again."""
    assert "options" not in DataConfig(kind="digits", image_size=8).model_dump_json()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return [1, 2]", "data.kind = 'odd:f': returned a list; must return a tiernas.training.sources.Source"),
        ("raise KeyError('slides')", "data.kind = 'odd:f': failed with KeyError: 'slides' ("),
        ("return Source((), PART)", "classes = (): must be names"),
        ("return Source((1, 2), PART)", "classes = (1, 2): must be names"),
        ("return Source(7, PART)", "classes = 7: must be names"),
        ("return Source('ab', PART)", "classes = 'ab': must be names"),
        ("return Source(AB, None)", "its train split is NoneType"),
        ("return Source(AB, Part(L, None, READ))", "its train split has 20 labels and names = None"),
        ("return Source(AB, 7)", "its train split is int; must be a tiernas.training.sources.Part"),
        ("return Source(AB, PART, test=[])", "its test split is list"),
        ("return Source(AB, Part(L * 1.0, N, READ))", "labels of its train split are float64 of shape (20,)"),
        ("return Source(AB, Part(L[:, None], N, READ))", "labels of its train split are int64 of shape (20, 1)"),
        (
            "return Source(AB, Part(L, N[:3], READ))",
            "its train split has 20 labels and names = ['image 0', 'image 1', 'image 2']; must be",
        ),
        ("return Source(AB, Part(L, N, None))", "read of its train split is a NoneType"),
        ("return Source(AB, Part(L + 1, N, READ))", "image 10 of data.kind = 'odd:f' has label 2"),
        ("return Source(AB, Part(L, N, lambda i: 'no image'))", "20 of 20 images cannot be read: image "),
        ("return Source(AB, Part(L, N, lambda i: 1 / 0))", "division by zero"),
    ],
)
def test_what_is_no_source_is_told(site: Path, body: str, said: str) -> None:
    install(
        site,
        "odd",
        "import numpy as np\nfrom PIL import Image\nfrom tiernas.training.sources import Part, Source\n"
        "L, N, AB = np.repeat([0, 1], 10), [f'image {i}' for i in range(20)], ('a', 'b')\n"
        "READ = lambda i: Image.new('L', (8, 8))\nPART = Part(L, N, READ)\n"
        f"def f():\n    {body}\n",
    )
    with pytest.raises(UsageError) as caught:
        load_data(DataConfig(kind="odd:f", image_size=8))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("labels", ["[0, 1] * 10", "np.array([0, 1] * 10, dtype=np.uint8)"])
def test_labels_may_be_any_integers(site: Path, labels: str) -> None:
    code = GREY.replace("np.repeat(np.arange(levels), counts[0])", labels)
    install(site, "grey", code)
    (site / "counts.txt").write_text("10")
    source = open_source(DataConfig(kind="grey:open_grey", path=site / "counts.txt"))
    assert source.train.labels.dtype == "int64"
    assert source.train.labels.tolist() == [0, 1] * 10


def test_options_of_the_package(site: Path) -> None:
    install_acme(site)
    assert open_source(DataConfig(kind="acme-digits", options={"classes": "4"})).classes == ("0", "1", "2", "3")
