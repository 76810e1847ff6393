"""The attacks, one per module, and the subject: the network and test images that they run on."""
