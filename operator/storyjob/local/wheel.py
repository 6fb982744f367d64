"""Finds a program: on PATH, or among the scripts that wheels installed beside our own interpreter."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from storyjob.api.errors import LocalWorldError


def find_program(name: str, wheel: str) -> Path:
    """Return the program ``name``, which the wheel ``wheel`` of our ``local`` extra brings.

    Our own scripts folder is looked at too: it is on PATH only while the virtual environment is active.
    """
    scripts = os.pathsep.join([str(Path(sys.executable).parent), sysconfig.get_path("scripts")])
    for folders in (None, scripts):
        if found := shutil.which(name, path=folders):
            return Path(found).absolute()
    raise LocalWorldError(f"{name} is not on PATH; install it, or `pip install {wheel}` (our extra `local`)")
