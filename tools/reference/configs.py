#!/usr/bin/env python3
"""The configurations that transformers writes for every family when nothing is set, for tests/families.rs.

    python tools/reference/configs.py            # rewrites tests/golden/configs.json

OpenELM is not in transformers; its fields are covered by the tiny model's config.json.
"""

import json
import pathlib
import sys

import transformers
from tiny_models import CLASSES

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "configs.json"


def main() -> None:
    configs = {family: getattr(transformers, config)().to_dict() for family, (config, _) in CLASSES.items()}
    made = {
        "made_by": "tools/reference/configs.py",
        "versions": {"transformers": transformers.__version__, "python": sys.version.split()[0]},
        "configs": configs,
    }
    OUT.write_text(json.dumps(made, indent=1, sort_keys=True, default=str) + "\n")
    print(f"{len(configs)} configurations, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
