"""A limit on the memory of a server process. The kernel ends a process that exceeds it."""

import contextlib
import os
import resource
import time
from pathlib import Path

# Bytes that a server may take besides its models. The bodies of all requests may take 256 MiB (`body_memory`) and compiling one schema or grammar as
# much; the rest is for the program, the storage, stacks and the memory that malloc keeps.
REST = 1 << 30
# Bytes of addresses that are reserved and not used: stacks of 64 MiB each, and malloc's arenas of 64 MiB, eight for each core.
RESERVED = (64 << 20) * (64 + 8 * (os.cpu_count() or 1))


class MemoryLimit:
    """Limits memory in use with a control group, if this process may make one. Otherwise it limits the addresses, which only stops runaway growth."""

    def __init__(self, budget: int):
        """- budget: the bytes that models may take."""
        self.bytes = budget + REST
        self.group = self.make_group()
        self.kind = "memory" if self.group else "addresses"

    def make_group(self) -> Path | None:
        with contextlib.suppress(OSError):
            for line in Path("/proc/self/cgroup").read_text().splitlines():
                _, controllers, path = line.split(":", 2)
                # Version 1 has a hierarchy for memory, version 2 has one for everything, whose line has no controllers.
                if controllers == "memory":
                    group, file = self.place(Path("/sys/fs/cgroup/memory"), path), "memory.limit_in_bytes"
                elif not controllers:
                    group, file = self.place(Path("/sys/fs/cgroup"), path), "memory.max"
                else:
                    continue
                with contextlib.suppress(OSError):
                    group.mkdir()
                    try:
                        # The kernel makes the file, unless this is not a group or the group has no limit on memory.
                        with open(group / file, "r+") as limit:
                            limit.write(str(self.bytes))
                        return group
                    except OSError:
                        group.rmdir()
                        raise
        return None

    @staticmethod
    def place(root: Path, path: str) -> Path:
        # A container may show the group of this process as the root.
        parent = root / path.lstrip("/")
        return (parent if parent.is_dir() else root) / f"shimmy-soak-{os.getpid()}-{time.monotonic_ns()}"

    def apply(self):
        """Applies the limit to the calling process. Runs between fork and exec."""
        if self.group:
            (self.group / "cgroup.procs").write_text("0")
        else:
            resource.setrlimit(resource.RLIMIT_AS, (self.bytes + RESERVED,) * 2)

    def close(self):
        """Removes the group when the process has ended."""
        if self.group:
            with contextlib.suppress(OSError):
                self.group.rmdir()
