"""The commands of ``prunesweep``, a file each: a few lines over a function that Python users call as well."""
