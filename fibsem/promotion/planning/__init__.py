"""How the time of a promotion is planned, and how long it will take without a plan."""
