"""An exhaustive scan shared out over the workers of a Ray cluster.

    python examples/ray/scan.py --model DIR --parts 8 --out report.json

Each task is one call of the command, `glitchscope scan --shard i/n`; the parts travel back as bytes, and
`glitchscope merge` joins them here into the report of the whole scan. A worker needs the command and the model at the
same paths as this machine, a shared file system for example; see README.md.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import ray


@ray.remote(max_retries=3)
def scan_part(command, arguments, index, count):
    """The report of one part, as bytes. Ray runs it again, elsewhere, when its machine is lost."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "part.json"
        call = [command, "scan", *arguments, "--method", "exhaustive", "--shard", f"{index}/{count}", "--out", str(out)]
        done = subprocess.run(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"part {index}/{count} failed with {done.returncode}: {done.stderr[-2000:]}")
        return out.read_bytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", default="glitchscope", help="the command, as the workers find it")
    parser.add_argument("--model", help="folder or .gguf file; the built-in model when left out")
    parser.add_argument("--device", default="cpu", help="parts can only be joined when all ran on one kind of device")
    parser.add_argument("--oracle", help="oracles by id, separated by commas")
    parser.add_argument("--parts", type=int, default=4, help="more parts than workers even out their speeds")
    parser.add_argument("--cpus", type=float, default=1, help="processors that Ray sets aside for a part")
    parser.add_argument("--gpus", type=float, default=0, help="GPUs that Ray sets aside for a part")
    parser.add_argument("--out", required=True, help="where the joined report goes")
    parser.add_argument("--address", help="of a running cluster; without it, workers are started on this machine")
    parser.add_argument("--workers", type=int, help="how many of them")
    args = parser.parse_args()

    arguments = ["--device", args.device]
    for name in ("model", "oracle"):
        if getattr(args, name) is not None:
            arguments += [f"--{name}", getattr(args, name)]
    own = {} if args.address else {"num_cpus": args.workers, "include_dashboard": False}
    ray.init(address=args.address, log_to_driver=False, **own)
    task = scan_part.options(num_cpus=args.cpus, num_gpus=args.gpus)
    waiting = {task.remote(args.command, arguments, i, args.parts): i for i in range(1, args.parts + 1)}
    with tempfile.TemporaryDirectory() as folder:
        files = []
        while waiting:
            (ready, *_), _ = ray.wait(list(waiting))
            index = waiting.pop(ready)
            file = Path(folder) / f"part{index}.json"
            file.write_bytes(ray.get(ready))
            files.append(str(file))
            print(f"part {index} of {args.parts} is back", file=sys.stderr)
        ray.shutdown()
        call = [args.command, "merge", *files, "--out", args.out]
        sys.exit(subprocess.run(call).returncode)


if __name__ == "__main__":
    main()
