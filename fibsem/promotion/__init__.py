"""From finished trials to the champion: ranking, final training, examination, release."""
