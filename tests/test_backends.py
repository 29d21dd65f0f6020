"""The network and its training on the other backends of Keras: the same tests, in a process of their own."""

import importlib.util
import os
import subprocess
import sys

import pytest

from lib.workflow import paths

SAME_TESTS = ["tests/test_siamese.py", "tests/test_training.py"]


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_network_and_its_training_pass_the_same_tests(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed: pip install 'music-similarity[{backend}]' brings it")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *SAME_TESTS],
        cwd=paths.root(),
        env=os.environ | {"KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
