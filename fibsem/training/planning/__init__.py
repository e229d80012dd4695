"""Turn a time budget into a plan in steps, and measure how much of the budget was used."""
