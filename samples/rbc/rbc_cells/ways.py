"""Ways to draw a cell's outline and to tell its size class, by the words of the command line."""

STAIN, NETWORK = "stain", "network"
MEASURED, LEARNED = "measured", "learned"

# A field's median size is that of the cells with at least this confidence, and only they keep
# others from their pixels.
SURE = 0.5
