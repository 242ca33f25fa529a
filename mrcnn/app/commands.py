"""The commands that every application has."""

from typing import TYPE_CHECKING

from mrcnn.app.option import Command

if TYPE_CHECKING:
    from mrcnn.app.application import Application

TRAIN, EVALUATE, DETECT, CHECK, PACK = "train", "evaluate", "detect", "check", "pack"
CONVERT, CONVERT_WEIGHTS = "convert", "convert-weights"
CALIBRATE, COMPARE = "calibrate", "compare"
EXPORT = "export"
SERVE = "serve"

EXIT_STATUS = "Exit status: 0 on success, 2 on bad input (with the reason on stderr)."


def commands(application: "Application") -> list[Command]:
    """The commands in the order of the help; an application's own stand after `detect`."""
    files = "report.html, table.md, summary.json, per_image.csv, per_{object}.csv and pictures/"
    own = [
        Command(
            TRAIN,
            "mrcnn.app.train:run",
            "train a model",
            "Train on DIR/train, or on what --subset names, and validate on DIR/val; a checkpoint "
            "after each epoch.",
            EXIT_STATUS,
        ),
        Command(
            EVALUATE,
            "mrcnn.app.evaluate:run",
            "compare detections with annotated {objects}",
            "Detect once, then count at each confidence: {an_object} is segmented when a detection "
            f"matches it one to one at mask IoU >= 0.5. Writes {files}.",
            EXIT_STATUS,
        ),
        Command(
            DETECT,
            "mrcnn.app.detect:run",
            "outline, label and measure the {objects} of images",
            "Writes report.html, NAME_overlay.jpg, NAME_labels.png (16 bit; 0 background, "
            "{objects} 1 to N by falling score) and what a person sees of it, "
            "NAME_labels_preview.png, {objects}.csv and summary.csv, and of what is counted "
            "{images}.csv, slides.csv, shares.csv and histogram.csv.",
            "A file that cannot be read stops nothing but itself; it is listed at the end. "
            "Exit status: 0 when every image was read, 2 when one was not or on bad input.",
        ),
    ]
    others = [
        Command(
            SERVE,
            "mrcnn.serve.command:run",
            "open a page in the browser that counts, corrects and learns",
            "Start a page on this machine: {images} are dropped in, {objects} are found, looked "
            "at, corrected, counted and learned from. Programs send an image to POST /api/detect. "
            "Nothing leaves the machine. Needs the extra `serve`.",
            EXIT_STATUS,
        ),
        Command(
            COMPARE,
            "mrcnn.app.compare:run",
            "compare the counts of detect with counts by hand",
            "COUNTS is a CSV file with a line for each {image}: its name in a column `image`, and "
            "counts in columns named as those of the results, such as {objects}, whole, or a "
            "class. Writes agreement.csv (bias and limits of agreement), differences.csv and "
            "bland_altman.png.",
            EXIT_STATUS,
        ),
        Command(
            CALIBRATE,
            "mrcnn.app.calibrate:run",
            "keep the pixel size and the white light of a microscope",
            "Measure the distance of the lines of a stage micrometer (--division), or take the "
            "size of a pixel from --pixel-size or from the file, and the color of the free "
            "background. `detect --microscope NAME` takes both.",
            EXIT_STATUS,
        ),
        Command(
            PACK,
            "mrcnn.app.pack:run",
            "put a trained model into a folder of its own",
            f"Write DIR/{application.packed_file}, with kernels as 16-bit numbers, and beside it "
            "the settings, the confidence that a sweep chose, and the record of the training. "
            "`--weights DIR` names the model from then on.",
            EXIT_STATUS,
        ),
        Command(
            EXPORT,
            "mrcnn.app.deploy:run",
            "write the network of a model in a format that needs neither Keras nor this program",
            "Write the network alone, from pictures that were brought to size to boxes, scores and "
            "masks, and beside it config.json and a README.md with the names and shapes of what "
            "goes in and comes out.",
            EXIT_STATUS,
        ),
        Command(
            CHECK,
            "mrcnn.app.check:run",
            "read a whole data set and tell everything that is wrong with it",
            "Read all annotations and images of DIR and list, by file and region, what training "
            "would stop at (errors) and what may be a mistake (look).",
            "Exit status: 0 without errors, 2 with some.",
        ),
        Command(
            CONVERT,
            "mrcnn.app.convert:run",
            "write annotations in another format",
            "Read the annotations of IN in any format and write them to OUT in another one, with "
            "the images beside them. Told is what the format cannot hold.",
            EXIT_STATUS,
        ),
        Command(
            CONVERT_WEIGHTS,
            "mrcnn.app.convert_weights:run",
            "turn COCO weights of torchvision into a model",
            "Read FILE, a state dict of torchvision's maskrcnn_resnet50_fpn or "
            "maskrcnn_resnet50_fpn_v2 as PyTorch wrote it (.pth), without PyTorch, and write "
            f"DIR/{application.packed_file} and config.json. `detect --weights DIR` finds what "
            "COCO knows, `train --weights coco-torchvision DIR` starts from it.",
            EXIT_STATUS,
        ),
    ]
    return [*own, *application.own_commands, *others]
