# PASCAL-Context, all tasks at once, as KDAM learns it. The learner is the config's choice: KDAM compares networks.
_base_ = ['../datasets/pascal_context.py', '../schedules/adam_kdam.py', '../default_runtime.py']
phases = [dict(tasks=['segmentation', 'human_parts', 'saliency', 'normal', 'boundary'])]
