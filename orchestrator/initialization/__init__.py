"""A first sweep file for a user's data: finding out about the images and the weights, and writing the file."""
