"""Say which kernels were met, and what NVRTC said of them: registers and spills.

``python -m tests.host_gpu.report FOLDER`` reads what the processes noted in
``$HOST_GPU_MET``. Status 1: there are none, or one spills registers into memory.
"""

import collections
import json
import pathlib
import sys


def met(folder):
    """Return from an architecture to its records, those of the kernels in a folder."""
    notes = [path.read_text().splitlines() for path in pathlib.Path(folder).iterdir()]
    found = collections.defaultdict(list)
    for path in sorted({line for lines in notes for line in lines}):
        arch = path.split(".")[-2]
        found[arch].append(json.loads(pathlib.Path(path).read_text()))
    return found


def main(folder):
    """Print a line for each architecture; return the status."""
    found = met(folder)
    for arch, records in sorted(found.items()):
        most = max(records, key=lambda record: record["registers"])
        spills = [record for record in records if record["spills"]]
        print(
            f"{arch}: {len(records)} sources compiled, at most {most['registers']} "
            f"registers ({most['names'][0]}), {len(spills)} spill"
        )
        for record in spills:
            print(f"  {', '.join(record['names'])}: {record['spills']} bytes")
    spilling = any(record["spills"] for records in found.values() for record in records)
    return int(spilling or not found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
