"""MLflow: runs, bundles, registered models and their history; nobody else knows it."""
