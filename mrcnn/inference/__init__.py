"""Detection over any images: a `Predictor` is a configuration and a `Runner` of the network.

Modules from the outside in: `predictor` is what programs use and `prediction` what it gives,
`stream` and `molding` bring images to the network, `runner` says what runs it (`keras_runner` is
the only file that knows Keras), `placing` brings its outputs back to the pixels of the image, and
`limits` tells what settings cost. `model_folder` finds settings and weights. `scaled` brings
pictures to the scale of the training, which `scale` finds. `tiles` takes pictures of any size:
`tile_grid` lays tiles over them, `levels` chooses the level that they read and `tile_image` reads
it, `seams` decides what stays where two of them meet, `bands` puts rows of tiles together, and
`tile_limits` lets a tile be full of objects.
"""

from mrcnn.inference.prediction import Prediction
from mrcnn.inference.predictor import Predictor
from mrcnn.inference.runner import Runner
from mrcnn.inference.scaled import ScaledPredictor
from mrcnn.inference.tiles import TiledPredictor

__all__ = ["Prediction", "Predictor", "Runner", "ScaledPredictor", "TiledPredictor"]
