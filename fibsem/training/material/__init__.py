"""Training data: dataset, windows, class weights and batches."""
