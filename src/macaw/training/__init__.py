"""Training: the loop, and what it is made of: recipe, schedule, augmentation, optimizers, checkpoint."""
