"""What pyproject.toml cannot say: the inner loop of composing is compiled with mypyc where a C compiler is at hand.

Without one, or with ``RIFFBIRD_COMPILED=0``, the same sources run as they are: the same songs, slower.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

from setuptools import Extension, setup

INNER_LOOP = [
    "composer/decoding/note_count_bias.py",
    "composer/decoding/sampling.py",
    "composer/decoding/constraints.py",
    "composer/decoding/song_sampler.py",
    "composer/decoding/histogram_bias.py",
    "composer/decoding/repetition_bias.py",
    "composer/decoding/song_state.py",
    "midi_data/events/incremental_features.py",
]
NOTE = Path("midi_data/compiled.json")
BUILDING = {"bdist_wheel", "build", "build_ext", "editable_wheel", "install"}
"""Commands that build; the others ask for names and versions only."""


def compiled() -> list[Extension]:
    """The inner loop as extensions that may fail to compile, and a note of the sources they were made from."""
    if os.environ.get("RIFFBIRD_COMPILED") == "0" or not BUILDING & set(sys.argv):
        return []
    from mypyc.build import mypycify

    # Should this fail, what was compiled from earlier sources must not pass for what was compiled from these.
    for left in [NOTE, *(old for name in INNER_LOOP for old in Path(name).parent.glob("*.so"))]:
        left.unlink(missing_ok=True)
    # What is not installed where this is built is of any type there; house rules are checked elsewhere.
    options = ["--config-file=", "--cache-dir=build/mypy", "--ignore-missing-imports", "--follow-imports=silent"]
    how = {"group_name": "midi_data.inner_loop", "opt_level": "2", "debug_level": "0"}
    try:
        extensions = mypycify([*options, *INNER_LOOP], **how)
    except SystemExit:  # its way to say that it cannot; why, it has said already
        sys.stderr.write("riffbird: the inner loop is not compiled; songs are the same, slower\n")
        return []
    for extension in extensions:
        extension.optional = True
    sources = {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in INNER_LOOP}
    NOTE.write_text(json.dumps(sources, indent=1))
    return extensions


setup(ext_modules=compiled())
