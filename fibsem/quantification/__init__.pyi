from .options import QuantifyConfig as QuantifyConfig
from .quantification import quantify as quantify
from .segmented import Segmented as Segmented
from .segmented import open_segmented as open_segmented
from .summary import summary_of as summary_of
