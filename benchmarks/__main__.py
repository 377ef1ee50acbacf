"""All measurements of the representation's speed, one after the other: `make bench`, `make bench-full`.

    python -m benchmarks [--full] [--only NAME ...]

Every part runs in a process of its own and writes benchmarks/results/NAME.json. The short form takes a few minutes on
two cores, the full form about twenty minutes; docs/performance.md says what they measure.
"""

import argparse
import subprocess
import sys
import time

SHORT = {
    "representation": ["--rounds", "2"],
    "peers": ["--rounds", "2"],
    "memory": [],
    "folder": [],
    "long_files": ["--lengths", "10", "60", "600"],
}
FULL = {
    "representation": ["--rounds", "7"],
    "peers": ["--rounds", "7"],
    "memory": [],
    "folder": ["--rounds", "3"],
    "folder --preset full": ["--clips", "16"],
    "long_files": [],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="more repetitions, full-size folder, an hour of sound")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="some of the parts")
    options = parser.parse_args()
    parts = FULL if options.full else SHORT
    unknown = set(options.only) - {part.split()[0] for part in parts}
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    failed = []
    for part, arguments in parts.items():
        module, *more = part.split()
        if options.only and module not in options.only:
            continue
        command = ["-m", f"benchmarks.{module}", *more, *arguments]
        print(f"\n== python {' '.join(command)}", flush=True)
        start = time.perf_counter()
        if subprocess.run([sys.executable, *command], check=False).returncode:
            failed.append(part)
        print(f"took {time.perf_counter() - start:.0f} s", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
