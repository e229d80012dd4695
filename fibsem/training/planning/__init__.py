"""A budget of time as a plan in steps, and what of it has been worked."""
