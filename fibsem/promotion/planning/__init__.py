"""Plan the time of a promotion, or estimate it without a budget."""
