"""Earlier models that a training uses: as initial weights, or as a teacher."""
