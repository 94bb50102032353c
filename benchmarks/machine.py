"""The machine of a measurement, and whether two are alike."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import forebay

# What makes the figures of two runs incomparable where it differs.
DECISIVE = ("processor", "cpus", "system", "implementation", "python", "backend")


def processor() -> str:
    """The name of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def machine() -> dict[str, Any]:
    """Return the machine and the versions of the measurement."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "forebay": forebay.__version__,
        "backend": forebay.backend,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": processor(),
        "cpus": os.cpu_count(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], decisive: Sequence[str] = DECISIVE
) -> list[str]:
    """What differs between two machines so that their figures cannot be compared."""
    return [
        f"{name}: {old.get(name)} and {new.get(name)}" for name in decisive if old.get(name) != new.get(name)
    ]


def caption(about: Mapping[str, Any], versions: Mapping[str, str]) -> str:
    """The versions and the date, for the head of a table or below a picture."""
    peers = "".join(f", {name} {version}" for name, version in versions.items())
    return (
        f"forebay {about.get('forebay')} ({about.get('backend')} backend), "
        f"{about.get('implementation')} {about.get('python')}{peers}; "
        f"{about.get('processor')}, {about.get('cpus')} CPUs, {about.get('system')}; {str(about.get('date'))[:10]}"
    )
