"""Compare the handler with its lower limit, the origin and OpenVINO, and calculate its price (`make bench`).

    python -m bench [--runs 40] [--model-dir DIR] [--cpus 1]

The results go into the section `process` of bench/results.json, plots, and the tables of bench/README.md. This needs no
network and no Docker.
"""

import argparse
import os
from pathlib import Path

from rich.console import Console

from bench import machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40, help="undisturbed rounds of each image; default: %(default)s")
    parser.add_argument("--cpus", type=int, default=1, help="CPUs; 1 is Lambda at 1,769 MB; default: %(default)s")
    parser.add_argument("--model-dir", type=Path, help="another model_artifacts/")
    parser.add_argument("--origin-model", type=Path, help="an fp32 Xception 150 graph instead of a random one")
    args = parser.parse_args()
    if args.model_dir:
        os.environ["MODEL_DIR"] = str(args.model_dir.resolve())
    # Imported after the environment is set, because these modules read it.
    from bench import measurements, process, report

    # This process runs on the CPUs that are not measured. Its subjects and child processes are pinned when they start.
    cpus = machine.last_cpus(args.cpus)
    with machine.pinned(sorted(machine.all_cpus() - set(cpus)) or cpus):
        content = process.measure(Console(), args.runs, cpus, args.origin_model)
    report.publish(measurements.store("process", content), Console())


if __name__ == "__main__":
    main()
