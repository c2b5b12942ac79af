"""References, `package.module:object`: imports them, and reports every kind of failure in one line."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import pkgutil
import sys
import sysconfig
import traceback

from tiernas.closest import did_you_mean
from tiernas.errors import TiernasError, first_line


class UnusableError(ValueError):
    """The object of a name or a reference cannot be used; the message says why, without the name itself."""


def is_reference(text: str) -> bool:
    """Whether a text is a reference, `package.module:object`, rather than a name."""
    return ":" in text


def split_reference(reference: str) -> tuple[str, str]:
    """Module and object of a reference, both dotted names.

    Raises:
        UnusableError: The reference is malformed.
    """
    module, _, name = reference.partition(":")
    if not (_is_dotted(module) and _is_dotted(name)):
        raise UnusableError("must be written as package.module:object")
    return module, name


def top_module(reference: str) -> str:
    """The top-level package or module of a reference."""
    return reference.partition(":")[0].partition(".")[0]


def module_path(top: str) -> str | None:
    """The folder of a user's own package, or the file of a user's own module; nothing is imported.

    Args:
        top: Its name, without a dot.

    Returns:
        The path; None for installed packages and if there is no such module.
    """
    _look_in_working_directory(top)
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    path = next(iter(spec.submodule_search_locations or ()), spec.origin) if spec else None
    installed = {sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib", "platstdlib")}
    return None if path is None or any(path.startswith(f"{folder}{os.sep}") for folder in installed) else path


def imported(reference: str) -> object:
    """The object of a reference.

    Modules are found on Python's path, and then in the working directory. Whatever a module prints during its import
    goes to stderr.

    Raises:
        UnusableError: The reference is malformed, there is no such module or object, or the module fails.
        TiernasError: Raised by the module itself.
    """
    module_name, name = split_reference(reference)
    _look_in_working_directory(module_name)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            found: object = importlib.import_module(module_name)
    except TiernasError:
        raise
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise UnusableError(f"{module_name} needs {error.name}, which is not installed") from error
        raise UnusableError(_no_module(error.name)) from error
    except (Exception, SystemExit) as error:  # foreign code may raise anything
        raise UnusableError(f"{module_name} cannot be imported: {failure(error)}") from error
    where = module_name
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            public = [known for known in dir(found) if not known.startswith("_")]
            raise UnusableError(f"{where} has no {part!r}{did_you_mean(part, public)}") from error
        where += f".{part}" if where != module_name else f":{part}"
    return found


def reference_to(thing: object) -> str:
    """The reference of an object: where it was defined, or else a module that contains it.

    Raises:
        UnusableError: No loaded module contains it.
    """
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "")
    if module in sys.modules and getattr(sys.modules[module], name, None) is thing:
        return f"{module}:{name}"
    for module, loaded in list(sys.modules.items()):
        for name, there in list(getattr(loaded, "__dict__", {}).items()):
            if there is thing and _is_dotted(module) and name.isidentifier():
                return f"{module}:{name}"
    raise UnusableError(f"a {type(thing).__name__} that no module contains; assign it to a name in a module")


def failure(error: BaseException) -> str:
    """The error of foreign code, and its location, in one line."""
    said = first_line(error)
    if isinstance(error, TiernasError):
        return said
    text = said if said.startswith(type(error).__name__) else f"{type(error).__name__}: {said}"
    if isinstance(error, SyntaxError):  # states the location itself
        return text
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    return f"{text} ({frames[-1].filename}, line {frames[-1].lineno})" if frames else text


def _is_dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _look_in_working_directory(module_name: str) -> None:
    """Adds the working directory to Python's path, like `python -m`, by which workers are started."""
    here = os.getcwd()
    if sys.flags.safe_path or {"", here} & set(sys.path):
        return
    try:
        missing = importlib.util.find_spec(top_module(module_name)) is None
    except (ImportError, ValueError):  # None in sys.modules, or a module without a spec: the path does not matter
        return
    if missing:
        sys.path.append(here)
        importlib.invalidate_caches()


def _no_module(name: str) -> str:
    parent, _, last = name.rpartition(".")
    if parent:
        there = [module.name for module in pkgutil.iter_modules(getattr(sys.modules.get(parent), "__path__", ()))]
        return f"there is no module {name!r}{did_you_mean(last, there)}"
    return f"there is no module {name!r}; install the package, or start tiernas in the folder that contains it"
