"""The machine beneath: files, interrupts, processes, progress."""
