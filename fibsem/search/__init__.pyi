from .budget.sizes import Sized as Sized
from .space.declared import read_space as read_space
from .space.space import Choice as Choice
from .space.space import Range as Range
from .space.space import Space as Space
from .studies.optuna_study import OptunaStudy as OptunaStudy
from .studies.storage import open_storage as open_storage
from .studies.tuner_study import TunerStudy as TunerStudy
