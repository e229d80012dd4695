"""What of a dataset should be looked at before anything is learned from it."""
