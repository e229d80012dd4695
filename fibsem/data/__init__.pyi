from .corrected import CorrectedVolume as CorrectedVolume
from .dataset.manifest import load_dataset as load_dataset
from .dataset.split import SplitRecipe as SplitRecipe
from .preprocessing import Correction as Correction
from .preprocessing import Recipe as Recipe
from .preprocessing import fit_correction as fit_correction
from .sampling import balanced_pixels as balanced_pixels
from .windows import load_windows as load_windows
