from .calibrating import Reliabilities as Reliabilities
from .calibrating import calibration_errors as calibration_errors
from .calibrating import fit_calibration as fit_calibration
from .calibrating import labelled_pixels as labelled_pixels
from .final import final_configuration as final_configuration
from .trials import best_trials as best_trials
