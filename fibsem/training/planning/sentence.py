"""Describe a plan to the user before training begins."""

from __future__ import annotations

from fibsem.training.planning.estimate import duration
from fibsem.training.planning.plan import Plan


def sentence(plan: Plan) -> str:
    """Return one line on the trainings of a plan and their expected time."""
    epochs = f"{plan.epochs} epochs of {plan.steps} steps"
    varies = plan.growth is not None or plan.lengthens
    epochs = f"about {epochs}" if varies else f"{epochs} at most"
    by = f" by {plan.workers} workers" if plan.workers > 1 else ""
    parts = {**_seconds_of_trainings(plan), **_besides(plan)}
    in_all_s = plan.seconds + sum(_besides(plan).values())
    times = ", ".join(f"{name} {duration(seconds)}" for name, seconds in parts.items())
    alone = "; no trial is trained anew" if plan.ranked and not plan.ranking_s else ""
    disk = "" if plan.disk_mib is None else f"; at most {plan.disk_mib:.0f} MiB of weights"
    rest = disk + alone + _waiting(plan)
    return f"plan: {_trainings(plan)}{by}, {epochs}, {duration(in_all_s)} in all: {times}{rest}"


def _trainings(plan: Plan) -> str:
    """Describe the number of trainings, and when further ones may begin."""
    if plan.filled is not None:
        as_before = ", as many of them pruned as before" if plan.pruned else ", as many as before"
        return f"{plan.filled} trainings{as_before}"
    text = "1 training" if plan.trials == 1 else f"{plan.trials} trainings"
    if plan.rungs:
        rungs = ", ".join(f"{count} of {epochs} epochs" for count, epochs in plan.rungs)
        text = f"{plan.trials} trainings ({rungs}{_lengths(plan)})"
    if plan.pruned:
        text += ", and others in the time that pruned ones leave"
    if plan.fills:
        text += ", and others in the time that smaller networks leave"
        text += ", the last as long as there is time" * plan.lengthens
    return text


def _seconds_of_trainings(plan: Plan) -> dict[str, float]:
    """Return the expected seconds of all trainings by activity."""
    return {
        f"{plan.all_epochs * plan.steps} steps": plan.as_average * plan.steps * plan.step_s,
        f"{plan.all_epochs} validations": plan.as_average * plan.validation_s,
        "begin and end": plan.turns * plan.once_s,
    }


def _waiting(plan: Plan) -> str:
    """Describe the work that is left for a later start, and how to request it."""
    left = f"; whole volumes, about {duration(plan.waiting_s)}, wait for segment=true"
    return left if plan.waiting_s else ""


def _lengths(plan: Plan) -> str:
    """Describe why trainings of the last rung may deviate from the average number of epochs."""
    by_size = "" if plan.growth is None else ", more of a small network, fewer of a large one"
    if plan.lengths:
        return f", the last of {', '.join(str(epochs) for _, epochs in plan.lengths)} as before"
    return by_size + ", more where time is left" * plan.lengthens


def _besides(plan: Plan) -> dict[str, float]:
    """Return the expected seconds of a promotion's other work by activity."""
    anew = plan.ranked.sentence if plan.ranked else "trials anew"
    besides = {anew: plan.ranking_s, "scores and volumes": plan.scoring_s}
    return {name: seconds for name, seconds in besides.items() if seconds}
