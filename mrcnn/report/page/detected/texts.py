"""What the report of a run says about its figures, in plain language; see `Words`."""

QUALITY = (
    "These results may be wrong: look at the pictures before you use the figures. What could not "
    "be read is listed as well."
)
FRAME = (
    "The counting frame leaves out what touches the upper or left border, so that pictures side "
    "by side count each {object} once: whole {objects} alone would be too few, since more of the "
    "large ones are cut, and all outlines too many."
)
SPREAD = (
    "CV is the standard deviation over the mean, of whole {objects} whose own size is seen. That "
    "of the area is akin to the red cell distribution width (RDW) of a counter, but of areas in "
    "place of volumes: compare slides of one laboratory."
)
SHARES = (
    "Kinds are shares of what lies in the counting frame, all others of the whole {objects}. "
    "Intervals are those of Wilson, which take {objects} for independent of each other; on an "
    "uneven slide the truth varies more."
)
SIZES = (
    "The diameter is that of a circle with the area of the {object}. {Objects} that the border "
    "cuts, and several in one outline, are left out."
)
PICTURES = "Counts of single {images} vary by chance: a slide is known from all of them."
GALLERY = (
    "Colors are those of the classes; what the border cuts has a dashed line. Point at "
    "{an_object}, tap it or move to it by keyboard to read what is known of it. Keys in "
    "{an_image}: arrows go from {object} to {object}, N to the next one that the model is not "
    "sure of, digits and B switch the layers, Escape hides a note."
)
# Why a result is doubtful, by the word that the tables have.
REASONS = {
    "unstained-outside": "much of what is stained lies outside all outlines",
    "cells-missed": "pieces of stain as large as {an_object} have no outline",
    "limit": "as many detections as the model returns, so {objects} may be missing",
    "blur": "the {image} is not sharp",
    "scale": "shown in a size in which the model may not know its {objects}",
    "foreign": "perhaps no {image} that the model knows",
}
