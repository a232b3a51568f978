"""Shore-power statements from pedestal counters."""

__version__ = "2.4.1"
