from .declared import read_space as read_space
from .optuna_study import OptunaStudy as OptunaStudy
from .sizes import Sized as Sized
from .space import Choice as Choice
from .space import Range as Range
from .space import Space as Space
from .tuner_study import TunerStudy as TunerStudy
