"""What lhl itself costs: the parts of a training step, and the data loader beside the learner."""
