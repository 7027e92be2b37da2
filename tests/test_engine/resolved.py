"""What becomes of a config, which is resolved for each question anew: tests change configs between them."""
from lhl.engine import Stream, plan


def phase_config(cfg, index):
    return plan.runner_config(Stream.from_config(cfg), index)


def config_hash(cfg, **options):
    return plan.config_hash(Stream.from_config(cfg), **options)


def training_hash(cfg, index):
    return plan.training_hash(Stream.from_config(cfg), index)


def first_phase_hash(cfg):
    return plan.first_phase_hash(Stream.from_config(cfg))


def task_names(cfg):
    return list(Stream.from_config(cfg).tasks)
