"""The public names: complete, documented, and consistent."""

import ast
import importlib.metadata
import importlib.util
import inspect
import pkgutil
from pathlib import Path

import pytest

import forebay
from forebay import errors

PACKAGE = Path(forebay.__file__).parent
CLASSES = [name for name in forebay.__all__ if inspect.isclass(getattr(forebay, name))]
STUBS = sorted(path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.pyi"))


def test_all_lists_exactly_the_public_names():
    public = {
        name
        for name, value in vars(forebay).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert set(forebay.__all__) == public


def test_all_has_no_duplicates():
    assert len(forebay.__all__) == len(set(forebay.__all__))


@pytest.mark.parametrize("name", forebay.__all__)
def test_every_name_exists(name):
    assert getattr(forebay, name) is not None


def test_every_error_is_public():
    raised = {
        name
        for module in pkgutil.walk_packages(forebay.__path__, "forebay.")
        if "._" not in module.name
        for name, value in vars(importlib.import_module(module.name)).items()
        if isinstance(value, type)
        and issubclass(value, errors.StreamError)
        and value.__module__ == module.name
        and not name.startswith("_")
    }
    assert raised == set(errors.__all__)
    assert raised <= set(forebay.__all__)


def test_the_version():
    assert importlib.metadata.version("forebay") == forebay.__version__


@pytest.mark.parametrize("name", [name for name in forebay.__all__ if name != "backend"])
def test_every_name_has_a_docstring(name):
    assert (getattr(forebay, name).__doc__ or "").strip()


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_method_has_a_docstring(name):
    cls = getattr(forebay, name)
    bare = []
    for member, value in inspect.getmembers(cls):
        if member.startswith("_") or not (callable(value) or isinstance(value, property)):
            continue
        owner = next(base for base in cls.__mro__ if member in vars(base))
        if owner.__module__.startswith("forebay") and not without_signature(inspect.getdoc(value)):
            bare.append(f"{owner.__qualname__}.{member}")
    assert bare == []


def without_signature(doc):
    """Compiled functions carry their signature as the first line of the docstring."""
    lines = (doc or "").splitlines()
    if lines and "(" in lines[0] and lines[0].rstrip().endswith((")", "-> object")):
        lines = lines[1:]
    return "".join(lines).strip()


def test_every_public_module_has_a_docstring():
    names = [
        module.name
        for module in pkgutil.walk_packages(forebay.__path__, "forebay.")
        if not module.name.endswith("__main__")
    ]
    if forebay.backend == "python":
        names = [name for name in names if importlib.util.find_spec(name).origin.endswith(".py")]
    assert [name for name in names if not importlib.import_module(name).__doc__] == []


# Most of its names are for type checkers alone.
CHECKERS_ONLY = Path("streams/generics")


@pytest.mark.parametrize("stub", STUBS, ids=str)
def test_stubs_name_existing_objects(stub):
    if forebay.backend == "python" and not (PACKAGE / stub).with_suffix(".py").exists():
        pytest.skip("the python backend has another module for it")
    module = importlib.import_module(".".join(("forebay", *stub.parts)))
    missing = []
    for node in ast.parse((PACKAGE / stub).with_suffix(".pyi").read_text()).body:
        if isinstance(node, ast.FunctionDef) and not hasattr(module, node.name):
            missing.append(node.name)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and stub != CHECKERS_ONLY:
            cls = getattr(module, node.name)
            missing.extend(
                f"{node.name}.{member.name}"
                for member in node.body
                if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef))
                and not hasattr(cls, member.name)
                and (not member.name.startswith("_") or member.name in ("__await__", "__aiter__"))
            )
    assert missing == []
