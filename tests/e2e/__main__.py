"""Runs a node until Ctrl-C, to look at things by hand: `cd tests && python -m e2e FOLDER`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from e2e.node import running_node

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with running_node(Path(sys.argv[1]).absolute()) as node:
        print(f"export KUBECONFIG={node.plane.kubeconfig}", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("stopping")
