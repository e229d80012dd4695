"""Names of samples as folders and as keys of metrics, in a real store.

Names are stored directly, without a training.
"""

from films import place

from fibsem.config import TrackingConfig
from fibsem.tracking import Tracking

try:
    from fibsem.system import file_name
    from fibsem.tracking import metric_name, metric_part
except ImportError:  # a version that took names unchanged
    metric_name, file_name, metric_part = None, str, str

NAMES = [
    "HPC22", "HPC 30 % (2)", "2024_01_15", "..", "a/b", "../up", "/etc/x", "C:\\film", "it's",
    'say "x"', "a=b, c=d", "#1", "what?", "50%41", "Größe", "日本", "=1+1", "@SUM(1)", "$x$",
    "<b>&</b>", "a|b", "[/bold]", "x" * 260, ".hidden", "a_x25-", "a`b",
]  # fmt: skip


def inside(name):
    def right():
        home = place()
        home.mkdir()
        made = home / file_name(name)
        made.mkdir(parents=True)
        return made.resolve().parent == home.resolve() and len(list(home.iterdir())) == 1

    return right


def logged(name, tracking):
    def right():
        run = tracking.start("a run", tags={})
        tracking.log_metrics(run, {f"porosity/{metric_part(name)}": 0.5})
        ((key, value),) = tracking.client.get_run(run).data.metrics.items()
        read = key.removeprefix("porosity/")
        known = metric_name is None or len(name) > 100 or metric_name(read) == name
        return value == 0.5 and known

    return right


def inputs():
    home = place()
    home.mkdir()
    store = TrackingConfig(f"sqlite:///{home / 'ml.db'}", str(home / "artifacts"))
    tracking = Tracking.open(store, "film")
    for name in NAMES:
        yield f"folder {name}", inside(name)
        yield f"metric {name}", logged(name, tracking)
