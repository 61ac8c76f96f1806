"""Set F: four small tasks, three runs of a kind."""

from .faults import faults
from .healthy import healthy

TABLES = [faults, healthy]
