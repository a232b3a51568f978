"""The ship's log: records that are safe once it says so."""

from shiplog.journal import Broken, Closed, Journal, Lost

__all__ = ["Broken", "Closed", "Journal", "Lost"]
