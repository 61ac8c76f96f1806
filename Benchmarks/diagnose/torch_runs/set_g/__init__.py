"""Set G: three tasks, each fault on each."""

from . import tasks  # noqa: F401
from .cases import cases

TABLES = [cases]
