"""Names, entry points and references become objects; what does not fit is refused with what it lacks."""

from __future__ import annotations

import abc
import sys
from functools import partial
from pathlib import Path

import pytest
from tests.packages import write_package

from tiernas.errors import UsageError
from tiernas.plugins import Kind, require_class_of, require_function, require_object_of


class Animal(abc.ABC):
    name: str

    @abc.abstractmethod
    def eat(self) -> str: ...

    @abc.abstractmethod
    def sleep(self) -> str: ...


class Cat(Animal):
    name = "cat"

    def eat(self) -> str:
        return "fish"

    def sleep(self) -> str:
        return "all day"


MEMBERS = ("name", "eat", "sleep")
OWN = {"cat": f"{__name__}:Cat", "unicorn": "acme_never:Unicorn"}
ANIMAL = "from tests.plugins.test_kind import Animal, Cat\n"


@pytest.fixture
def animals(monkeypatch: pytest.MonkeyPatch) -> Kind[type[Animal]]:
    monkeypatch.setitem(sys.modules, "tests.plugins.test_kind", sys.modules[__name__])
    check = partial(require_class_of, base=Animal, noun="an animal", members=MEMBERS)
    return Kind("animal", "zoo.animal", "acme.animals", OWN, check, named=True)


def offer(folder: Path, code: str, package: str = "acme", version: str = "1.0", **names: str) -> None:
    write_package(folder, package, {"zoo": ANIMAL + code}, entry_points={"acme.animals": names}, version=version)


def refused(animals: Kind[type[Animal]], name: str | type[Animal]) -> str:
    with pytest.raises(UsageError) as caught:
        animals.load(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


DOG = "class Dog(Cat):\n    name = 'dog'\n"


def test_a_built_in_name(animals: Kind[type[Animal]]) -> None:
    assert animals.names() == ("cat", "unicorn")
    assert animals.load("cat") is Cat
    assert "acme_never" not in sys.modules


def test_an_entry_point(animals: Kind[type[Animal]], site: Path) -> None:
    offer(site, DOG, dog="acme.zoo:Dog")
    assert animals.names() == ("cat", "unicorn", "dog")
    assert "acme.zoo" not in sys.modules, "names are known before anything is imported"
    assert animals.require_known("dog") == "dog"
    assert "acme.zoo" not in sys.modules
    assert animals.load("dog").name == "dog"
    found = animals.offer_of(animals.load("dog"))
    assert found is not None
    assert (found.name, found.reference, found.package, found.origin) == ("dog", "acme.zoo:Dog", "acme 1.0", "acme 1.0")


def test_a_reference(animals: Kind[type[Animal]], site: Path) -> None:
    offer(site, DOG)
    dog = animals.load("acme.zoo:Dog")
    found = animals.offer_of(dog)
    assert found is not None
    assert (found.name, found.package) == ("acme.zoo:Dog", "acme 1.0")
    assert animals.offer_of(type("Other", (), {})) is None
    (site / "loose.py").write_text(ANIMAL + DOG)
    loose = animals.offer_of(animals.load("loose:Dog"))
    assert loose is not None
    assert (loose.package, loose.origin) == (None, "a module")


def test_the_version_of_an_offer_changes_with_the_code(animals: Kind[type[Animal]], site: Path) -> None:
    offer(site, DOG, dog="acme.zoo:Dog")
    found = animals.offer_of(animals.load("dog"))
    assert found is not None
    before = found.version
    assert before.startswith("acme 1.0 ")
    assert found.version == before
    offer(site, DOG + "# changed\n", dog="acme.zoo:Dog")
    assert found.version != before


def test_a_class_is_given_back(animals: Kind[type[Animal]]) -> None:
    assert animals.load(Cat) is Cat
    assert "animal type: is not an animal: dict has no name, eat, sleep" in refused(animals, dict)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("class Fish(Animal): pass", "is not an animal: Fish has no name, eat, sleep"),
        ("class Fish(Animal):\n    name = 'fish'\n    def eat(self): pass", "is not an animal: Fish has no sleep"),
        ("class Fish:\n    name, eat, sleep = 'fish', 1, 2", "it must be a subclass of tests.plugins.Animal"),
        ("Fish = 7", "is not an animal: an int has no name, eat, sleep"),
        ("Fish = Cat()", "is an object of Cat; name the class itself"),
        ("class Fish(Cat): pass", "its name is 'cat', which is built in and recorded in files: rename it"),
        (
            "class Fish(Cat): name = 'shark'",
            "its name is 'shark', which files record: give it and its entry point the same",
        ),
        ("class Fish(Cat): name = ''", "its attribute name is ''"),
        (
            "class Odd(type(Cat)):\n    @property\n    def name(cls): return 1 / 0\n"
            "class Fish(Animal, metaclass=Odd):\n    eat = sleep = None\n",
            "cannot be inspected: ZeroDivisionError",
        ),
        ("Fish = 1 / 0", "acme.zoo cannot be imported: ZeroDivisionError: division by zero"),
        ("Fisch = 1", "acme.zoo has no 'Fish'; did you mean 'Fisch'?"),
        ("import acme_absent", "acme.zoo needs acme_absent, which is not installed"),
    ],
)
def test_what_does_not_fit_is_told_when_it_is_asked_for_and_listed(
    animals: Kind[type[Animal]], site: Path, code: str, said: str
) -> None:
    offer(site, code, fish="acme.zoo:Fish")
    assert refused(animals, "fish").startswith("animal 'fish': ")
    assert said in refused(animals, "fish")
    assert animals.load("cat") is Cat, "a broken package disturbs nobody else"
    *built_in, line = animals.listed()
    assert [listed.problem for listed in built_in] == [None, None], "these are not tried"
    assert (line.kind, line.name, line.origin, line.use) == ("animal", "fish", "acme 1.0", 'zoo.animal = "fish"')
    assert said in str(line.problem)


def test_a_name_of_two_packages_is_refused(animals: Kind[type[Animal]], site: Path) -> None:
    offer(site, DOG, dog="acme.zoo:Dog")
    offer(site, DOG, package="other", version="2", dog="other.zoo:Dog")
    said = "the name is ambiguous: acme.zoo:Dog (acme 1.0) and other.zoo:Dog (other 2); write the reference instead"
    assert said in refused(animals, "dog")
    with pytest.raises(ValueError, match="the name is ambiguous"):
        animals.require_known("dog")
    assert animals.load("other.zoo:Dog").__module__ == "other.zoo"
    assert all("ambiguous" in str(line.problem) for line in animals.listed() if line.name == "dog")


def test_a_name_of_tiernas_cannot_be_taken(animals: Kind[type[Animal]], site: Path) -> None:
    offer(site, DOG, cat="acme.zoo:Dog")
    assert f"the name is ambiguous: {OWN['cat']} (built-in) and acme.zoo:Dog (acme 1.0)" in refused(animals, "cat")
    assert [line.name for line in animals.listed() if line.problem] == ["cat", "cat"]
    assert animals.load(OWN["cat"]) is Cat
    assert animals.load("acme.zoo:Dog").name == "dog"


def test_one_thing_may_be_offered_twice(animals: Kind[type[Animal]], site: Path) -> None:
    offer(site, DOG, dog="acme.zoo:Dog")
    offer(site, "", package="again", dog="acme.zoo:Dog")
    assert animals.load("dog").name == "dog"


def test_what_goes_to_other_machines_is_a_reference(animals: Kind[type[Animal]], site: Path) -> None:
    offer(site, DOG, dog="acme.zoo:Dog")
    assert [animals.require_portable(name) for name in ("cat", "dog", "acme.zoo:Dog")] == [
        "cat",
        "acme.zoo:Dog",
        "acme.zoo:Dog",
    ]
    assert animals.require_portable(OWN["cat"]) == "cat"
    assert "acme.zoo" not in sys.modules


def test_a_mistyped_name(animals: Kind[type[Animal]], site: Path) -> None:
    offer(site, DOG, dog="acme.zoo:Dog")
    assert refused(animals, "dgo") == (
        "animal 'dgo': no such animal; there are: cat, unicorn, dog; did you mean 'dog'?"
    )


@pytest.mark.parametrize(
    "text", ["[acme.animals]\nnonsense\n", "[acme.animals\ndog = x", "\0", "[acme.animals]\n= a:b\n"]
)
def test_damaged_metadata_of_one_package_disturb_nobody(animals: Kind[type[Animal]], site: Path, text: str) -> None:
    offer(site, DOG, dog="acme.zoo:Dog")
    write_package(site, "damaged", {})
    (site / "damaged-1.0.dist-info" / "entry_points.txt").write_text(text)
    assert animals.load("cat") is Cat
    assert animals.load("dog").name == "dog"
    assert [line.name for line in animals.listed() if line.problem is None][-1] == "dog"


def test_a_package_without_a_name_is_told_as_none(animals: Kind[type[Animal]], site: Path) -> None:
    offer(site, DOG, dog="acme.zoo:Dog")
    (site / "acme-1.0.dist-info" / "METADATA").unlink()
    assert animals.load("dog").name == "dog"


def test_objects_and_functions() -> None:
    require_object_of(Cat(), Animal, "an animal", MEMBERS)
    with pytest.raises(
        ValueError, match=r"is a class; name an object of it, created in its module: NAME = Cat\(\.\.\.\)"
    ):
        require_object_of(Cat, Animal, "an animal", MEMBERS)
    with pytest.raises(ValueError, match="an int has no name, eat, sleep"):
        require_object_of(1, Animal, "an animal", MEMBERS)
    require_function(len, "a function")
    with pytest.raises(ValueError, match="must be a function, not a str"):
        require_function("len", "a function")


def test_a_package_is_called_as_it_calls_itself(animals: Kind[type[Animal]], site: Path) -> None:
    offer(site, DOG, package="acme_pets", dog="acme_pets.zoo:Dog")
    (site / "acme_pets-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-pets\nVersion: 1.0\n")
    for name in ("dog", "acme_pets.zoo:Dog"):
        assert animals.find(name).origin == "acme-pets 1.0", "by name and by reference"
