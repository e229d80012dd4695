"""One trained model, or several, on one block: by patch or densely; its cost and its memory."""
