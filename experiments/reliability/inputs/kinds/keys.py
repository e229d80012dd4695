"""Keys of a command line that nobody reads, and numbers that are none."""

from fibsem.config import Configuration, compose

UNREAD = {
    "sweep": ("+trials=3", "++trials=3", "trials=3", "+epochs=9", "+lr=0.1", "+space2.a=1"),
    "train": ("+epochs=3", "++nbdh.x=1", "+volume=film", "+Seed=1", "~seed", "~nbhd", "=5"),
    "segment": ("+foo=1", "~valid", "~overwrite", "~tracking", "+weight=a", "+probabilites=true"),
}
NUMBERS = (
    "train.learning_rate=inf", "train.learning_rate=nan", "train.loss_weight=-inf",
    "train.weight_decay=nan", "train.max_seconds=inf", f"train.max_seconds=1{400 * '0'}",
)  # fmt: skip
READ = ("train.epochs=3", "++train.epochs=3", "~space.axes.train.learning_rate", "seed=4")


def taken(command, argument, known=False):
    def right():
        Configuration(compose(command, [argument])).run  # noqa: B018 - raises the error
        return known

    return right


def inputs():
    for command, arguments in UNREAD.items():
        for argument in arguments:
            yield f"{command} {argument}", taken(command, argument)
    for argument in NUMBERS:
        yield argument[:40], taken("train", argument)
    for argument in READ:
        yield argument, taken("sweep", argument, known=True)
