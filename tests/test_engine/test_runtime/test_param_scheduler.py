import pytest
import torch

from lhl.engine import LinearWarmupDecayLR

PEAK = 0.5


def build(end, **options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    return optimizer, LinearWarmupDecayLR(optimizer, end=end, **options)


def factors(end, **options):
    """Walk through a phase; the factor of the peak that each iteration trains with."""
    optimizer, scheduler = build(end, **options)
    seen = []
    for _ in range(end):
        seen.append(optimizer.param_groups[0]['lr'] / PEAK)
        optimizer.step()
        scheduler.step()
    return seen


def test_a_tenth_of_warm_up_from_half_the_rate():
    # 20 iterations, 2 of them warming up: 0.5, 0.75, then 1 and down by an 18th each; 0 would follow the last one.
    assert factors(20, warmup=0.1, start_factor=0.5) == pytest.approx(
        [0.5, 0.75, *((18 - step) / 18 for step in range(18))])


def test_half_the_phase_of_warm_up_from_zero():
    # 8 iterations, 4 warming up in steps of a fifth, without a wasted iteration at rate 0.
    assert factors(8, warmup=0.5, start_factor=0.0) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 0.75, 0.5, 0.25])


def test_the_end_factor_is_approached_until_it_would_be_reached_after_the_last_iteration():
    seen = factors(11, warmup=0.1, start_factor=0.0, end_factor=0.02)
    assert seen[0] == pytest.approx(0.5) and seen[1] == pytest.approx(1) and seen[-1] == pytest.approx(0.02 + 0.98 / 10)
    assert seen[6] == pytest.approx(0.02 + 0.98 * 5 / 10)


def test_without_warm_up_the_peak_comes_first():
    assert factors(5, warmup=0.0) == pytest.approx([1, 0.8, 0.6, 0.4, 0.2])


@pytest.mark.parametrize('end', [1, 2, 3])
@pytest.mark.parametrize('warmup', [0.0, 0.1, 0.5, 1.0])
def test_no_iteration_of_the_shortest_phases_is_wasted_at_rate_zero(end, warmup):
    seen = factors(end, warmup=warmup, start_factor=0.0)
    assert all(0 < factor <= 1 for factor in seen)


def test_groups_keep_their_ratio():
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = torch.optim.SGD([dict(params=[parameters[0]], lr=1.0), dict(params=[parameters[1]], lr=0.1)], lr=1.0)
    scheduler = LinearWarmupDecayLR(optimizer, end=10, warmup=0.2)
    for _ in range(9):
        optimizer.step()
        scheduler.step()
        first, second = (group['lr'] for group in optimizer.param_groups)
        assert second == pytest.approx(first / 10)


def test_a_reloaded_schedule_continues_where_it_was():
    whole = factors(12, warmup=0.25, start_factor=0.0, end_factor=0.1)
    optimizer, scheduler = build(12, warmup=0.25, start_factor=0.0, end_factor=0.1)
    for _ in range(5):
        optimizer.step()
        scheduler.step()
    saved = optimizer.state_dict(), scheduler.state_dict()
    optimizer, scheduler = build(12, warmup=0.25, start_factor=0.0, end_factor=0.1)
    optimizer.load_state_dict(saved[0])
    scheduler.load_state_dict(saved[1])
    seen = []
    for _ in range(7):
        seen.append(optimizer.param_groups[0]['lr'] / PEAK)
        optimizer.step()
        scheduler.step()
    assert seen == pytest.approx(whole[5:])
