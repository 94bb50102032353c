"""Each target with the inputs that are kept, and with a few mutations that are the same in each run."""

import shutil
from itertools import islice

import pytest

from forebay import Transform
from fuzz import oracles
from fuzz.against_node import compare
from fuzz.corpus_files import SEEDS, kept, seeds_of
from fuzz.mutations import inputs
from fuzz.targets import NAMES, load

# Mutations of each target; those that use streams take more time.
MUTATIONS = {"fields": 1500, "static_paths": 3000, "urls": 1500}
USUAL = 120


@pytest.fixture(scope="module", autouse=True)
def loop():
    yield
    oracles.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_target_has_no_finding(name):
    target, seeds = load(name), seeds_of(name)
    for data in islice(inputs(seeds, 7), len(seeds) + MUTATIONS.get(name, USUAL)):
        try:
            target.one(data)
        except Exception as error:
            raise AssertionError(f"{name}: a finding with {data!r}") from error


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_requests_are_those_of_node():
    assert compare(400, 3) == 0


def test_kept_inputs_belong_to_targets():
    assert {path.name for path in SEEDS.iterdir()} <= set(NAMES)
    assert any(kept(name) for name in NAMES)


def test_a_finding_is_found():
    """The oracles can fail."""
    with pytest.raises(oracles.Finding, match="another result"):
        oracles.same([1, 1, 2])
    with pytest.raises(oracles.Finding, match="not documented"):
        oracles.run(oracles.outcome(Raising, [b"x"], (KeyError,)))


class Raising(Transform):
    """A parser with an error that it does not document."""

    def _transform(self, chunk):
        raise ValueError(chunk)
