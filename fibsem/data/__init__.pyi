from .corrected import CorrectedVolume as CorrectedVolume
from .manifest import load_dataset as load_dataset
from .preprocessing import Correction as Correction
from .preprocessing import Recipe as Recipe
from .preprocessing import fit_correction as fit_correction
from .sampling import balanced_pixels as balanced_pixels
from .split import SplitRecipe as SplitRecipe
from .windows import load_windows as load_windows
