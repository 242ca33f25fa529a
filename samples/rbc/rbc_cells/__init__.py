"""What only blood cells need: their stain, outlines and sizes, the watershed, rendered smears."""
