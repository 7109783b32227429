"""`python -m grafana` writes the dashboards; `--check` only says whether the committed ones are current."""

import argparse
import sys

from grafana.files import DIRECTORY, stale, write


def main() -> int:
    """Write the dashboards, or with `--check` exit 1 when a file differs from its code."""
    parser = argparse.ArgumentParser(prog="python -m grafana", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a file is stale")
    names = stale(DIRECTORY)
    if parser.parse_args().check:
        sys.stdout.writelines(f"stale: {name} (run: python -m grafana)\n" for name in names)
        return 1 if names else 0
    write(DIRECTORY)
    sys.stdout.writelines(f"wrote {name}\n" for name in names)
    return 0


if __name__ == "__main__":
    sys.exit(main())
