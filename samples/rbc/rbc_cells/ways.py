"""Size classes, and ways to tell them and to draw outlines, by the words of the command line."""

LARGE, NORMAL, SMALL, UNDEFINED = "large", "normal", "small", "undefined"
SIZES = (LARGE, NORMAL, SMALL, UNDEFINED)

STAIN, NETWORK = "stain", "network"
MEASURED, LEARNED = "measured", "learned"

# A field's median size is that of the cells with at least this confidence, and only they keep
# others from their pixels.
SURE = 0.5
