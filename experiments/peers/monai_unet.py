"""A U-Net of MONAI, and ``sliding_window_inference`` at its default overlap of a quarter.

Runs in an environment of its own (requirements.txt). It is trained like the networks of this
project as far as possible: the same squares, eight-fold symmetry, binary cross-entropy with class
weights of the whole training set, intermediate validation, best weights kept. Adam and crops of
half a square are as in MONAI's tutorials.
"""

from __future__ import annotations

import copy
import math
import time

import numpy as np
import torch
from exchange import MARGIN, Material, arguments, cores, report, score_slices, score_squares, write
from monai.inferers import sliding_window_inference
from monai.networks.nets import BasicUNet, UNet

#: The first two have about as many weights as the project's networks, the last 1.6 million.
NETWORKS = {
    "BasicUNet": lambda: BasicUNet(2, 3, 1, features=(8, 8, 16, 32, 64, 8)),
    "UNet": lambda: UNet(2, 3, 1, channels=(16, 32, 64), strides=(2, 2), num_res_units=2),
    "UNet-large": lambda: UNet(
        2, 3, 1, channels=(16, 32, 64, 128, 256), strides=(2, 2, 2, 2), num_res_units=2
    ),
}
BATCH, CROP = 4, 128
#: Extents must be a multiple of this; and the value of unlabelled pixels.
MULTIPLE, UNLABELLED = 16, 255
LEARNING_RATE = 2e-3
#: Steps between two validations.
STEPS = 100
ROI, WINDOWS = 256, 4

args = arguments(__doc__.splitlines()[0])
material = Material(args.material)
torch.set_num_threads(cores())
torch.manual_seed(args.seed)
network = NETWORKS[args.what[0]]()
file = args.trained / "weights.pt"


def squares(split: str) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return images (3, y, x) and labels (1, y, x) of the squares without their surroundings."""
    inner = slice(MARGIN, -MARGIN)
    images = [np.moveaxis(image[inner, inner], -1, 0) for image in material.images(split)]
    labels = [torch.from_numpy(labels)[None] for labels in material.labels(split)]
    return [torch.from_numpy(np.ascontiguousarray(image)) for image in images], labels


def batch(images: list, labels: list, side: int, rng: np.random.Generator) -> list:
    """Return random crops of random squares, each in one of eight rotations and reflections."""
    parts = []
    for k in rng.integers(len(images), size=BATCH):
        y, x = (int(rng.integers(extent - side + 1)) for extent in images[k].shape[-2:])
        turn, flip = int(rng.integers(4)), bool(rng.integers(2))
        pair = (stack[k][:, y : y + side, x : x + side] for stack in (images, labels))
        pair = (torch.rot90(part, turn, (1, 2)) for part in pair)
        parts.append([part.flip(2) if flip else part for part in pair])
    return [torch.stack(stack) for stack in zip(*parts, strict=True)]


def whole(stack: torch.Tensor, value: float) -> torch.Tensor:
    """Pad at the bottom and the right to a multiple of the total stride."""
    height, width = (-extent % MULTIPLE for extent in stack.shape[-2:])
    return torch.nn.functional.pad(stack, (0, width, 0, height), value=value)


def fit() -> None:
    """Train for the given seconds, validation included."""
    rng = np.random.default_rng(args.seed)
    images, labels = squares("train")
    seen, truth = squares("val")
    side = min(CROP, *(extent for image in images for extent in image.shape[-2:]))
    side -= side % MULTIPLE
    seen = [whole(x, 0.0) for x in seen]
    truth = [whole(y, UNLABELLED) for y in truth]
    counts = torch.bincount(torch.cat([one.flatten() for one in labels]).long(), minlength=256)
    weights = torch.zeros(256)  # unlabelled pixels keep zero
    weights[:2] = counts[:2].sum() / (2 * counts[:2])

    def loss_of(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        known = weights[labels.long()]
        loss = torch.nn.functional.binary_cross_entropy_with_logits
        return loss(network(images), (labels == 1).float(), known)

    def validation() -> float:
        pixels = sum(one.numel() for one in truth)
        with torch.inference_mode():
            pairs = zip(seen, truth, strict=True)
            return sum(float(loss_of(x[None], y[None])) * y.numel() for x, y in pairs) / pixels

    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    best, steps, started = (math.inf, None), 0, time.perf_counter()
    spent = 0.0
    while spent < args.seconds:
        for group in optimizer.param_groups:  # half a cosine over the budget
            group["lr"] = LEARNING_RATE * (1 + math.cos(math.pi * spent / args.seconds)) / 2
        optimizer.zero_grad()
        loss_of(*batch(images, labels, side, rng)).backward()
        optimizer.step()
        steps += 1
        spent = time.perf_counter() - started
        if steps % STEPS == 0 or spent >= args.seconds:
            found = validation()
            if found < best[0]:
                best = (found, copy.deepcopy(network.state_dict()))
            spent = time.perf_counter() - started
    args.trained.mkdir(parents=True, exist_ok=True)
    torch.save(best[1], file)
    parameters = sum(values.numel() for values in network.parameters())
    write(
        args.trained / "fit.json",
        {"train_seconds": spent, "parameters": parameters, "steps": steps, "val_loss": best[0]},
    )


def score(image: np.ndarray) -> np.ndarray:
    """Return the probabilities of a whole slice, window by window."""
    with torch.inference_mode():
        inputs = torch.from_numpy(image).permute(2, 0, 1)[None]
        return sliding_window_inference(inputs, ROI, WINDOWS, predict).sigmoid()[0, 0].numpy()


def predict(windows: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16, enabled=args.precision == "bfloat16"):
        return network(windows).float()


if args.stage == "fit":
    fit()
else:
    network.load_state_dict(torch.load(file, weights_only=True))
    network.eval()
if args.stage == "squares":
    score_squares(material, args.output, score)
if args.stage == "slices":
    report(material, args.output, score_slices(material, score))
