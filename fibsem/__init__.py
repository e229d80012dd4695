"""Pixel classifiers for FIB-SEM stacks: searched, tracked, promoted, applied to whole volumes."""

from fibsem.system.former import answer_to_former_names
from fibsem.system.libraries import settle

__version__ = "0.1.0"

answer_to_former_names()
settle()
