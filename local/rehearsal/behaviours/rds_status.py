"""What an RDS instance is: the statuses that RDS shows, and what it does not show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

# RDS user guide, "Viewing instance status". What an instance is while it lets people in,
OPEN = ("available", "backing-up", "modifying", "storage-optimization")
# while it has a host and no engine that lets anybody in,
CLOSED = (
    *("incompatible-option-group", "incompatible-parameters", "maintenance", "rebooting", "renaming"),
    *("restore-error", "stopping", "storage-full", "upgrading"),
)
# and while there is no host: those that the page says are not billed, or for storage alone. They send no metrics.
HOSTLESS = (
    *("creating", "failed", "inaccessible-encryption-credentials", "inaccessible-encryption-credentials-recoverable"),
    *("incompatible-network", "incompatible-restore", "insufficient-capacity", "starting", "stopped"),
    "upgrade-failed",
)


@dataclass
class Engine:
    """What no API of RDS shows."""

    # The call that lets people in again; empty where they get in.
    refuses: str = ""
    # Whether it does not even refuse them, so that no failed login is counted.
    hung: bool = False
    # How the parameter group was applied.
    parameters: str = "in-sync"
    corrupt_since: datetime | None = None
    failed_over: datetime | None = None
    failed: datetime | None = None
    # The resource id that it was restored from.
    source: str = ""
    # Counts the changes of status, so that the end of one that another overtook is none.
    changes: int = 0
    lost_host: bool = False
    # Whether no metric arrives at CloudWatch, though the instance runs.
    unmeasured: bool = False
    # Seconds that crash recovery adds to the next start of the engine.
    recovery: int = 0
