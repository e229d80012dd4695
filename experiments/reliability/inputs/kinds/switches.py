"""Words for yes and no, and seeds: a text is true to Python, and a fraction is cut to a number."""

from fibsem.config import Configuration, compose

SWITCHES = (
    ("train", "overwrite"), ("sweep", "overwrite"), ("evaluate", "overwrite"),
    ("promote", "overwrite"), ("segment", "overwrite"), ("simulate", "overwrite"),
    ("promote", "rollback"), ("promote", "history"), ("promote", "segment"),
)  # fmt: skip
WORDS = ("no", "off", "none", "0", "nein", "'false'", "yes", "[]")
SEEDS = (
    ("train", "seed"), ("train", "sampling.seed"), ("sweep", "search.seed"),
    ("promote", "rank.seed"),
)  # fmt: skip
#: Attribute of the configuration that each command reads first.
READ = {
    "train": "run", "sweep": "search", "evaluate": "run", "promote": "rank", "segment": "tree",
    "simulate": "tree",
}  # fmt: skip
NUMBERS = ("-1", "1.5", "true", "0x10", "1:30", "1e400", "-0.5")


def taken(command, argument, key, meant):
    """Return a check that an argument gives the value ``meant``; None: it must be refused."""

    def right():
        tree = compose(command, [argument])
        getattr(Configuration(tree), READ[command])
        *path, last = key.split(".")
        for part in path:
            tree = tree[part]
        return tree[last] is meant or (meant is not None and tree[last] == meant)

    return right


def inputs():
    for command, key in SWITCHES:
        for word in WORDS:
            yield f"{command} {key}={word}", taken(command, f"{key}={word}", key, None)
        for word, meant in (("true", True), ("False", False)):
            yield f"{command} {key}={word}", taken(command, f"{key}={word}", key, meant)
    for command, key in SEEDS:
        for number in NUMBERS:
            yield f"{command} {key}={number}", taken(command, f"{key}={number}", key, None)
        yield f"{command} {key}=7", taken(command, f"{key}=7", key, 7)
