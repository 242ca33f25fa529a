"""Trains the network that names shapes of red cells, on crops with a margin."""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
from PIL import Image
from scipy import optimize, special

from mrcnn.weights.loading import load_weights
from rbc_cells.shape_crops import BACKGROUND, NUMBERS, SIDE, shape_numbers
from rbc_cells.shape_network import build_network

BATCH = 64
# Layers of these stages keep what ImageNet taught them; they are most of the cost.
FROZEN = ("conv1", "bn_conv1", "res1", "bn1", "res2", "bn2")
LEARNING_RATE = 2e-3
WARM_UP = 0.1
WEIGHT_DECAY = 0.02
DROPOUT = 0.2
SMOOTHING = 0.05
# Of the frequency of a class: 0 draws crops as they come, 1 all classes as often.
BALANCE = 0.5
# At most so far goes each pixel to the mean of 3 x 3.
SOFTER = 0.5


def train(
    crops: np.ndarray,
    labels: np.ndarray,
    classes: int,
    epochs: float,
    start: Path | None,
    seed: int,
) -> keras.Model:
    """A network that was taught crops.

    Args:
        crops: uint8 [N, S, S, 4], S not below SIDE; see `rbc_cells.shape_crops`.
        labels: int [N], from 0.
        classes: number of shapes.
        epochs: how often as many crops as there are get drawn.
        start: ImageNet weights of efficientnet-lite0; None for random ones, where all learns.
        seed: of everything random.
    """
    keras.utils.set_random_seed(seed)
    network = build_network(classes, NUMBERS, normalized=True, dropout=DROPOUT)
    if start is not None:
        load_weights(network, start)
        for layer in network.layers:
            layer.trainable = not layer.name.startswith(FROZEN)
    steps = max(int(epochs * len(crops) / BATCH), 2)
    warm = int(WARM_UP * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warm, warmup_target=LEARNING_RATE, warmup_steps=warm
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY, global_clipnorm=5.0)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    frequency = np.bincount(labels, minlength=classes) / len(labels)
    network.compile(
        optimizer, keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=SMOOTHING)
    )
    random = np.random.default_rng(seed)
    weights = (np.maximum(frequency, 1e-9) ** -BALANCE)[labels]
    losses = []
    for step, rows in enumerate(drawn(weights / weights.sum(), steps, random)):
        batch = varied(crops[rows], random)
        truth = np.eye(classes, dtype=np.float32)[labels[rows]]
        losses.append(float(network.train_on_batch([batch, shape_numbers(batch)], truth)))
        if step % 100 == 99:
            print(f"step {step + 1} of {steps}, loss {np.mean(losses[-100:]):.3f}", flush=True)
    return network


def drawn(shares: np.ndarray, steps: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Rows of each batch: every row about as often as its share says, not by chance alone."""
    # Systematic sampling, in a random order.
    total = steps * BATCH
    places = (np.arange(total) + random.random()) / total
    order = random.permutation(len(shares))
    rows = order[np.minimum(np.searchsorted(np.cumsum(shares[order]), places), len(shares) - 1)]
    # Copies of a row are spread over the training.
    copies = random.permutation(total)
    for step in range(steps):
        yield rows[copies[step * BATCH : (step + 1) * BATCH]]


def varied(crops: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Crops turned, mirrored, a little moved and scaled, softer, in other stains.

    Scales vary little: the size of a cell is part of its shape's name. Other lenses, and fields
    that were made larger, are softer or sharper.

    Returns:
        float32 [B, SIDE, SIDE, 4].
    """
    side, count = crops.shape[1], len(crops)
    angles, zooms = random.uniform(0, 2 * np.pi, count), np.exp(random.normal(0, 0.03, count))
    flips, moves = random.choice([-1, 1], count), random.normal(0, 1.2, (count, 2))
    # Stain of another strength and hue, and a lamp of another color.
    stains = np.exp(random.normal(0, 0.15, (count, 1)) + random.normal(0, 0.1, (count, 3)))
    lamps = np.exp(random.normal(0, 0.03, (count, 1)) + random.normal(0, 0.03, (count, 3)))
    light = np.maximum(np.arange(256), 1) / BACKGROUND
    values = np.clip(lamps[..., None] * light ** stains[..., None] * BACKGROUND, 0, 255)
    values = values.astype(np.float32)
    result = np.empty((count, SIDE, SIDE, 4), np.float32)
    for place, crop in enumerate(crops):
        cosine, sine = np.cos([angles[place], angles[place] - np.pi / 2]) / zooms[place]
        # From pixels of the new crop to those of the old one.
        a, b, d, e = cosine * flips[place], -sine, sine * flips[place], cosine
        dx, dy = side / 2 + moves[place] - SIDE / 2 * np.array([a + b, d + e])
        # Four channels alike: a mode with transparency would darken what is outside of the mask.
        image = Image.frombytes("CMYK", (side, side), crop.tobytes()).transform(
            (SIDE, SIDE),
            Image.Transform.AFFINE,
            (a, b, dx, d, e, dy),
            Image.Resampling.BILINEAR,
            fillcolor=(int(BACKGROUND),) * 3 + (0,),
        )
        pixels = np.asarray(image)
        for channel in range(3):
            result[place, ..., channel] = values[place, channel][pixels[..., channel]]
        result[place, ..., 3] = pixels[..., 3]
    softness = random.uniform(0, SOFTER, (count, 1, 1, 1)).astype(np.float32)
    return result + softness * (_mean_around(result) - result)


def _mean_around(crops: np.ndarray) -> np.ndarray:
    """Of 3 x 3 pixels each, float32 [B, H, W, C]."""
    rows = np.pad(crops, ((0, 0), (1, 1), (0, 0), (0, 0)), mode="edge")
    rows = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    columns = np.pad(rows, ((0, 0), (0, 0), (1, 1), (0, 0)), mode="edge")
    return (columns[:, :, :-2] + columns[:, :, 1:-1] + columns[:, :, 2:]) / 9


def central(crops: np.ndarray) -> np.ndarray:
    """Crops without their margin."""
    margin = (crops.shape[1] - SIDE) // 2
    return crops[:, margin : margin + SIDE, margin : margin + SIDE]


def logits_of(network: keras.Model, crops: np.ndarray) -> np.ndarray:
    """float [N, classes] of crops with a margin."""
    parts = []
    for start in range(0, len(crops), 256):
        part = central(crops[start : start + 256]).astype(np.float32)
        parts.append(network.predict_on_batch([part, shape_numbers(part)]))
    return np.concatenate(parts)


def calibrate(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """A factor and a bias, float [classes], with which logits tell probabilities best.

    Args:
        logits: float [N, classes], of cells that were not learned from.
        labels: int [N], from 0.
    """
    classes = logits.shape[1]
    truth = np.eye(classes)[labels]

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        told = special.log_softmax(values[0] * logits + values[1:], axis=1)
        wrong = (np.exp(told) - truth) / len(labels)
        gradient = np.append((wrong * logits).sum(), wrong.sum(axis=0))
        return -(told * truth).sum() / len(labels), gradient

    # Biases of classes say the same when all of them grow.
    found = optimize.minimize(loss, np.append(1.0, np.zeros(classes)), jac=True, method="L-BFGS-B")
    return float(found.x[0]), found.x[1:] - found.x[1:].mean()


def cross_calibrated(logits: np.ndarray, labels: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """The logits of each part, calibrated by those of the others.

    Args:
        logits, labels: see `calibrate`.
        parts: int [N], the part of each cell.
    """
    result = np.empty_like(logits)
    for part in np.unique(parts):
        factor, bias = calibrate(logits[parts != part], labels[parts != part])
        result[parts == part] = factor * logits[parts == part] + bias
    return result


def calibrated(network: keras.Model, factor: float, bias: np.ndarray) -> keras.Model:
    """The network with the result of `calibrate` in its last layer, in place."""
    last = network.get_layer("shapes")
    kernel, own = last.get_weights()
    last.set_weights([factor * kernel, factor * own + bias])
    return network
