"""The part of the build that pyproject.toml cannot express: mypyc compiles the decoding loop if a C compiler is found.

Without one, or with ``RIFFBIRD_COMPILED=0``, the sources run as they are: same songs, slower.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

from setuptools import Extension, setup

COMPILED = [
    "composer/decoding/chord_bias.py",
    "composer/decoding/constraints.py",
    "composer/decoding/histogram_bias.py",
    "composer/decoding/logits_processor.py",
    "composer/decoding/note_count_bias.py",
    "composer/decoding/repetition_bias.py",
    "composer/decoding/sampling.py",
    "composer/decoding/song_sampler.py",
    "composer/decoding/song_state.py",
    "midi_data/events/incremental_features.py",
]
RECORD = Path("midi_data/compiled.json")
"""Digests of the compiled sources, read by ``midi_data.compiled``."""
BUILDING = {"bdist_wheel", "build", "build_ext", "editable_wheel", "install"}
"""Commands that build; others only ask for names and versions."""


def extensions() -> list[Extension]:
    """Optional extensions of ``COMPILED``; writes ``RECORD``."""
    if os.environ.get("RIFFBIRD_COMPILED") == "0" or not BUILDING & set(sys.argv):
        return []
    from mypyc.build import mypycify

    # Remove earlier builds first: if this one fails, they must not be used with these sources.
    for old in [RECORD, *(path for name in COMPILED for path in Path(name).parent.glob("*.so"))]:
        old.unlink(missing_ok=True)
    # Without the project's configuration, since its dependencies are not installed in the build environment.
    options = ["--config-file=", "--cache-dir=build/mypy", "--ignore-missing-imports", "--follow-imports=silent"]
    settings = {"group_name": "midi_data.decoding_loop", "opt_level": "2", "debug_level": "0"}
    try:
        found = mypycify([*options, *COMPILED], **settings)
    except SystemExit:  # mypyc has printed the reason
        sys.stderr.write("riffbird: the decoding loop is not compiled; songs are the same, slower\n")
        return []
    for extension in found:
        extension.optional = True
    sources = {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in COMPILED}
    RECORD.write_text(json.dumps(sources, indent=1))
    return found


setup(ext_modules=extensions())
