"""Workers: a process for each training, its share of the machine, its time, its files."""
