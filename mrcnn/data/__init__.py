"""Data: from annotated images on disk to batches that train a network.

Modules from the outside in: `via` and `images` read files, `annotations` is what a reader gives,
`dataset` holds what was read, `resizing`, `molding`, `polygons` and `instances` bring images and
masks to the size of the network, `augmentation` varies them, `rpn_targets` says which anchors hold
objects, `training_item` puts one image together and `loader` makes batches. Nothing here knows a
network.
"""
