"""Reports on a dataset: tables, figures, HTML pages, and lineages of results."""
