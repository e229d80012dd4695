"""Films that were put together wrongly: right is to say so, and nothing of films as they are."""

import numpy as np
from kinds.odd_slices import film, named

#: Words of the messages on alternating kinds of slices, on repeated slices, and on jumps.
TURN, BEFORE, EARLIER, JUMP = (
    "kinds in turn",
    "as the one before",
    "as earlier ones",
    "jumps between",
)


def long(seed, smooth):
    """Return blobs in noise, (32, 96, 112) uint8."""
    return film(seed, smooth, depth=32)


def toned(stack, factor, shift):
    """Return a film as another detector shows it."""
    return np.clip(factor * stack.astype(float) + shift, 0, 255).astype(np.uint8)


def in_turn(*stacks):
    """Interleave the slices of several films."""
    return np.stack(stacks, 1).reshape(-1, *stacks[0].shape[1:])


def inputs():
    for smooth in (0.7, 2.0):
        stack, other = long(0, smooth), long(1, smooth)
        half = stack[:16]
        darker, inverted = toned(half, 0.5, 20), toned(half, -0.5, 240)
        yield f"two detectors, one darker, {smooth}", named(in_turn(half, darker), TURN)
        yield f"two detectors, one inverted, {smooth}", named(in_turn(half, inverted), TURN)
        yield f"three detectors, {smooth}", named(in_turn(half, darker, inverted), TURN)
        fourth = [toned(one, 0.5, 20) if z % 4 == 0 else one for z, one in enumerate(stack)]
        yield f"every fourth of another detector, {smooth}", named(np.stack(fourth), TURN)
        yield f"every slice twice, {smooth}", named(np.repeat(half, 2, 0), BEFORE)
        yield f"every slice three times, {smooth}", named(np.repeat(half, 3, 0), BEFORE)
        yield f"a film twice, {smooth}", named(np.concatenate([half, half]), EARLIER)
        yield f"a part twice, {smooth}", named(np.insert(stack, 20, stack[8:14], 0), EARLIER)
        yield f"as it is, {smooth}", named(stack)
        yield f"inverted as a whole, {smooth}", named(255 - stack)
        yield f"the first of many, {smooth}", named(other)
    stack, other = long(0, 2.0), long(1, 2.0)
    yield "a slice again further on", named(np.insert(stack, 22, stack[20], 0), EARLIER)
    yield "two films", named(np.concatenate([stack[:16], other[:16]]), JUMP, "15 and 16")
    yield "halves exchanged", named(np.concatenate([stack[16:], stack[:16]]), JUMP, "15 and 16")
    yield "even ones, then odd ones", named(np.concatenate([stack[::2], stack[1::2]]), JUMP)
    yield (
        "a part back to front",
        named(
            np.concatenate([stack[:10], stack[10:20][::-1], stack[20:]]),
            JUMP,
            "9 and 10, 19 and 20",
        ),
    )
    yield (
        "the stage moved",
        named(np.concatenate([stack[:16], np.roll(stack[16:], 24, 2)]), JUMP, "15 and 16"),
    )
    yield "eight slices lost", named(np.delete(stack, range(12, 20), 0), JUMP, "11 and 12")
    yield "mirrored in turn", named(in_turn(stack[:16], stack[:16, ::-1]), TURN)
    yield "two films in turn", named(in_turn(stack[:16], other[:16]), TURN)
