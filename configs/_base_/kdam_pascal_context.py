# PASCAL-Context learned by all tasks at once, as KDAM does: everything but the learner and the distillation.
_base_ = ['./datasets/pascal_context.py', './schedules/adam_kdam.py', './default_runtime.py']
phases = [dict(tasks=['segmentation', 'human_parts', 'saliency', 'normal', 'boundary'])]
# KDAM, Sec. 4.1: "we use the algorithm in [3] to learn weights", [3] being ATRC, whose code has fixed ones:
# human_parts=2, saliency=5, normal=10, boundary=50.
method = dict(type='Joint', task_weights='learned')
