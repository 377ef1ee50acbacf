"""Two results of one measurement, by ratios: what became faster, what slower.

    python -m benchmarks.compare OLD.json NEW.json [--worse-by 0.1] [--times] [--across-machines]

Compared are the ratios that a run has measured within itself (times the reference, share of a peak), as the speed of a
shared machine changes from minute to minute; with --times, and where a result has no such ratios, times and rates too.
Exit code 0: nothing is worse by more than the stated share; 1: something is; 2: the files cannot be compared.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WITHIN_A_RUN = ("ratio", "cpu_ratio", "ratios", "share_of_peak", "share_of_packed_peak")
RATES = ("real_time", "x_real_time", "x_real_time_by_cpu", "gflops", "gb_per_s", "speech_seconds_per_second")
TIMES = ("cpu", "wall", "seconds_of_a_run", "load_s", "wall_s", "cpu_s", "cpu_seconds", "wall_seconds")
"""What measures are called, themselves or what they lie under: more is better of the first two, less of the last."""

SETTINGS = ("preset", "model", "seconds", "clips", "seed", "filter")
"""What a run was given, where a result says so: results of different settings are not the same measurement."""

MACHINE = ("processor", "instruction_sets", "cores", "threads", "device")
VERSIONS = ("torch", "onednn", "transformers")


class NotComparableError(Exception):
    """Two files whose numbers say nothing about each other."""


@dataclass(frozen=True)
class Change:
    """One measure: by which factor the new result is better (above 1) or worse."""

    name: str
    old: float
    new: float
    better_by: float


def changes(
    old: dict[str, Any], new: dict[str, Any], times: bool = False, across_machines: bool = False
) -> list[Change]:
    """Every measure that both results have.

    Raises:
        NotComparableError: other measurements, settings or machines, or nothing in common.
    """
    kinds = [result.get("benchmark") for result in (old, new)]
    if None not in kinds and kinds[0] != kinds[1]:
        raise NotComparableError(f"the first is of {kinds[0]}, the second of {kinds[1]}")
    for key in SETTINGS:
        if old.get(key) != new.get(key):
            raise NotComparableError(f"{key} was {old.get(key)} in the first and {new.get(key)} in the second")
    for key in MACHINE:
        one, other = (result.get("machine", {}).get(key) for result in (old, new))
        # Older results do not name everything.
        if None not in (one, other) and one != other and not across_machines:
            raise NotComparableError(
                f"{key} was {one} in the first and {other} in the second; --across-machines compares them all the same"
            )
    measures = [dict(_measures(result)) for result in (old, new)]
    common = [name for name in measures[0] if name in measures[1]]
    relative = [name for name in common if _among(name, WITHIN_A_RUN)]
    chosen = common if times or not relative else relative
    if across_machines:
        chosen = relative
    if not chosen:
        raise NotComparableError("they have no measure in common")
    made = []
    for name in chosen:
        before, after = (values[name] for values in measures)
        if before > 0 and after > 0:
            smaller_is_better = not _among(name, WITHIN_A_RUN) and _among(name, TIMES)
            made.append(Change(name, before, after, before / after if smaller_is_better else after / before))
    return made


def notes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """What a reader should know of both runs."""
    machines = [result.get("machine", {}) for result in (old, new)]
    for key in VERSIONS:
        one, other = (machine.get(key) for machine in machines)
        if one != other:
            yield f"{key}: {one or 'not recorded'}, then {other or 'not recorded'}"
    loads = [machine.get("load") for machine in machines]
    if None not in loads and max(loads) > 1.5 * max(1.0, min(loads)):
        yield f"the machine's load was {loads[0]}, then {loads[1]}"


def _measures(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, float]]:
    """Names and values of a result's measures; the reference's own are left out."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != "machine" and not key.endswith(" reference"):
                yield from _measures(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            label = str(number)
            if isinstance(inner, dict) and "length_s" in inner:
                label = f"{inner.get('clips', 1)} x {inner['length_s']} s"
            yield from _measures(inner, (*path, label))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        name = " / ".join(path)
        if _among(name, (*WITHIN_A_RUN, *RATES, *TIMES)):
            yield name, float(value)


def _among(name: str, kinds: tuple[str, ...]) -> bool:
    return not set(name.split(" / ")[-2:]).isdisjoint(kinds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--worse-by", type=float, default=0.1, help="share that a measure may lose")
    parser.add_argument("--times", action="store_true", help="compare times and rates too; say them of quiet machines")
    parser.add_argument("--across-machines", action="store_true", help="compare ratios within runs of other machines")
    options = parser.parse_args()
    try:
        old, new = (_read(path) for path in (options.old, options.new))
        found = changes(old, new, options.times, options.across_machines)
    except NotComparableError as error:
        print(f"error: {options.old} and {options.new} cannot be compared: {error}", file=sys.stderr)
        sys.exit(2)
    for note in notes(old, new):
        print(f"note: {note}")
    if not any(_among(change.name, WITHIN_A_RUN) for change in found):
        print("note: no ratios within a run; times and rates also change with what else the machine has to do")
    width = max(len(change.name) for change in found)
    worse = [change for change in found if change.better_by < 1 - options.worse_by]
    for change in found:
        mark = "  worse" if change in worse else ""
        print(f"{change.name:<{width}}  {change.old:9.4g} -> {change.new:9.4g}  x {change.better_by:.2f}{mark}")
    print(f"{len(worse)} of {len(found)} are worse by more than {100 * options.worse_by:g} %")
    sys.exit(bool(worse))


def _read(path: Path) -> dict[str, Any]:
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotComparableError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise NotComparableError(f"{path} is no JSON ({error})") from error
    if not isinstance(result, dict):
        raise NotComparableError(f"{path} is no result of a benchmark")
    return result


if __name__ == "__main__":
    main()
