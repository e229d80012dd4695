"""What was found, for people: tables, figures and pages of a dataset, and lineages."""
