# NYUD-v2, all tasks at once, as KDAM learns it. The learner is the config's choice: KDAM compares networks.
_base_ = ['../datasets/nyud.py', '../schedules/adam_kdam.py', '../default_runtime.py']
phases = [dict(tasks=['segmentation', 'depth', 'normal', 'boundary'])]
