"""What is measured of an object."""
