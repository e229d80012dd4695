from .audit import Audit as Audit
from .bundle import Bundle as Bundle
from .bundle import load_bundle as load_bundle
from .runs import Tracking as Tracking
from .runs import code_version as code_version
