"""Set C: other tasks, models, rules, habits of logging."""

from . import styles, tasks  # noqa: F401
from .healthy import healthy
from .other_faults import other_faults
from .rate_faults import rate_faults

TABLES = [rate_faults, other_faults, healthy]
