"""How many trials of how many steps fill a budget of time."""
