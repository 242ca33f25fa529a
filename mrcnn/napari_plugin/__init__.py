"""A plug-in of napari: outlines and measures the objects of a layer.

`napari.json` is the manifest that napari reads, `segmenting` what it calls. The extra `napari` has
the viewer itself; nothing here needs it.
"""
