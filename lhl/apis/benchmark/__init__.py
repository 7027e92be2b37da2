"""Trains the configs of a suite one after the other, whatever happens to one of them, and ranks the results."""
from .plan import describe_plan, describe_suites, needed_runs, plan_benchmark
from .schedule import run_benchmark

__all__ = ['describe_plan', 'describe_suites', 'needed_runs', 'plan_benchmark', 'run_benchmark']
