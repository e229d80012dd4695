from .films import labelled_porosity as labelled_porosity
from .results import find_results as find_results
