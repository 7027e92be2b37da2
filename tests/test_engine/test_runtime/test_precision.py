"""The same losses to a stated rounding: in half precision, compiled, and with a fused optimizer."""
import pytest
import torch

from lhl.engine import train_stream
from lhl.engine.runtime.hooks.compile_hook import CompileHook
from lhl.engine.runtime.optim_wrapper import preferred_amp
from lhl.errors import ConfigError
from lhl.evaluation import Results
from lhl.methods import HAD, Method
from test_engine.tiny_stream import stream_config

PHASES = [dict(task='segmentation'), dict(task='depth')]


@pytest.fixture
def losses_of(tmp_path, data_root, monkeypatch):
    """Train two phases of two iterations each, and give the terms of every iteration."""
    def train(name, **options):
        seen, losses = [], HAD.losses

        def record(self, batch, features, outputs):
            terms = losses(self, batch, features, outputs)
            seen.append({key: term.item() for key, term in terms.items()})
            return terms
        with monkeypatch.context() as patch:
            patch.setattr(HAD, 'losses', record)
            train_stream(stream_config(
                tmp_path / f'{name}.py', data_root, tmp_path / name, phases=PHASES,
                train_cfg=dict(_delete_=True, type='IterBasedTrainLoop', max_iters=2), **options))
        assert len(seen) == 4 and len(seen[-1]) == 3  # L_new and two terms of one old task
        return seen
    return train


def assert_close(first, second, relative):
    for one, other in zip(first, second, strict=True):
        assert one == pytest.approx(other, rel=relative)


def of_new_tasks(seen):
    return [{key: value for key, value in terms.items() if 'new' in key} for terms in seen]


def test_bfloat16_gives_the_losses_of_float32_to_three_percent_and_those_of_distillation_to_ten(losses_of):
    full, half = losses_of('full'), losses_of('half', optim_wrapper__amp='bfloat16')
    assert full != half
    # A product in bfloat16 is rounded by up to 0.4 percent, and many layers follow.
    assert_close(of_new_tasks(full), of_new_tasks(half), 0.03)
    assert_close(full, half, 0.1)  # of distillation: what a student and its teacher, both rounded, differ by


def test_a_fused_optimizer_gives_the_losses_of_the_plain_one_to_six_digits(losses_of):
    assert_close(losses_of('fused'), losses_of('plain', optim_wrapper__optimizer__fused=False), 1e-6)


@pytest.mark.slow
def test_the_losses_of_traced_networks_are_the_same(losses_of, monkeypatch):
    plain = losses_of('plain')
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward
    torch._dynamo.reset()
    ended, end_phase = [], Method.end_phase
    monkeypatch.setattr(Method, 'end_phase', lambda self, learner, *args: ended.append(
        learner.backbone._compiled_call_impl) or end_phase(self, learner, *args))
    assert_close(plain, losses_of('traced', compile=dict(backend=backend)), 1e-6)
    assert len(graphs) >= 4  # the trial, the backbone, two heads
    assert ended == [None, None]  # what a method looks into at the end is not compiled


@pytest.mark.slow
def test_compiled_networks_give_the_losses_to_four_digits_and_those_of_distillation_to_a_percent(losses_of, tmp_path):
    plain, compiled = losses_of('plain'), losses_of('compiled', compile=True)
    assert_close(of_new_tasks(plain), of_new_tasks(compiled), 1e-4)
    assert_close(plain, compiled, 0.01)
    first, second = (Results.load(tmp_path / name).phases[-1].metrics for name in ('plain', 'compiled'))
    assert second['depth'] == pytest.approx(first['depth'], rel=1e-3)


@pytest.mark.parametrize('options', [dict(backend='nonsense'), dict(mode='nonsense')])
def test_what_cannot_compile_is_one_sentence(options):
    with pytest.raises(ConfigError, match='^compile=.*nonsense.* cannot be used here .*; install a C'):
        CompileHook(options).before_train(None)


def test_tf32_is_on_where_it_is_asked_for_alone(losses_of):
    full = losses_of('full')
    assert not torch.backends.cuda.matmul.allow_tf32
    assert losses_of('tf32', optim_wrapper__amp='tf32') == full  # there is none without a GPU
    assert torch.backends.cuda.matmul.allow_tf32
    losses_of('again')
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize('cuda, bfloat16, chosen, warned', [
    (True, True, 'bfloat16', False), (True, False, 'float16', False),
    (False, True, 'bfloat16', False), (False, False, 'bfloat16', True)])
def test_half_precision_is_that_of_the_device(monkeypatch, cuda, bfloat16, chosen, warned):
    said = []
    monkeypatch.setattr('lhl.engine.runtime.optim_wrapper.print_log', lambda text, **kwargs: said.append(text))
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: cuda)
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda including_emulation: bfloat16)
    monkeypatch.setattr('lhl.engine.runtime.optim_wrapper.get_device', lambda: 'cpu')
    monkeypatch.setattr(torch.ops.mkldnn, '_is_mkldnn_bf16_supported', lambda: bfloat16)
    assert preferred_amp() == chosen and bool(said) == warned


def test_an_optimizer_is_not_fused_where_the_device_cannot(losses_of, monkeypatch):
    monkeypatch.setattr('lhl.engine.runtime.optim_wrapper._get_fused_kernels_supported_devices', lambda: ['cuda'])
    assert_close(losses_of('plain'), losses_of('asked', optim_wrapper__optimizer__fused=True), 1e-9)
