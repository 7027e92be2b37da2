import torch

from lhl.engine.runtime.process_group import end_distributed


def test_ending_closes_the_process_group_and_may_be_asked_for_without_one(tmp_path):
    torch.distributed.init_process_group('gloo', f'file://{tmp_path}/meeting', rank=0, world_size=1)
    end_distributed()
    assert not torch.distributed.is_initialized()
    end_distributed()
