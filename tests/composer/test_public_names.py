"""``from composer import …``: the documented example runs, every public name resolves, the import stays light."""

import doctest
import subprocess
import sys

import composer


def test_the_example_of_the_package_runs() -> None:
    result = doctest.testmod(composer)
    assert (result.failed, result.attempted) == (0, 6)


def test_every_public_name_resolves() -> None:
    assert all(getattr(composer, name) is not None for name in composer.__all__)


def test_importing_the_package_imports_neither_numpy_nor_torch() -> None:
    program = "import sys; from composer import ComposeRequest; print({'numpy', 'torch'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
