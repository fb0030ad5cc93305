"""``python -m tests.chaos --mentions 1000 --kills 40 --seeds 3``: the chaos test in full, one report a seed.

Exit status 1 if a reply was lost or doubled, or anything was left stuck, orphaned or half written.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.chaos.run import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mentions", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--others", type=int, default=20, help="stops, restarts, full disks, refused writes, faults")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep each run's folder (log, data) under this one")
    options = parser.parse_args()
    clean = True
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        with tempfile.TemporaryDirectory(prefix="riffbird-chaos-") as temporary:
            folder = (options.keep or Path(temporary)) / f"seed-{seed}"
            folder.mkdir(parents=True)
            sizes = {"mentions": options.mentions, "kills": options.kills, "others": options.others}
            report = run(folder, seed=seed, **sizes)
        clean = clean and report.is_clean
        sys.stdout.write(json.dumps(asdict(report)) + "\n")
        sys.stdout.flush()
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    main()
