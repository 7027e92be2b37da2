"""A student whose teacher is the learner of another run: which teachers are refused, and what a run keeps of them."""
import shutil
from pathlib import Path

import pytest
import torch

from lhl.apis.inference import load_learner
from lhl.engine import Stream, read_checkpoint, train_stream, weights_digest
from lhl.engine.runtime.hooks import ContinualPhaseHook
from lhl.engine.sources.external_teacher import check_external_teachers
from lhl.errors import CheckpointError, ConfigError, RunError
from lhl.evaluation import Results
from lhl.methods import KDAM
from lhl.weight_files import write_checkpoint
from test_engine.tiny_images import OBJECTS, class_incremental
from test_engine.tiny_stream import FOLDERS, ROOT, STREAM, WHOLE_RESNET, run_tool, stream_config, write_config


@pytest.fixture(scope='module')
def teacher(finished):
    """A run that has learned all tasks, one after the other."""
    return finished('Vanilla')[1]


@pytest.fixture
def config(tmp_path, data_root, teacher):
    def build(tasks=STREAM, path=teacher, **options):
        cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', 'Vanilla', model=WHOLE_RESNET,
                            phases=[dict(tasks=list(tasks))], train_cfg__max_epochs=1)
        cfg.method = dict(type='KDAM', teacher=str(path))
        cfg.merge_from_dict({key.replace('__', '.'): value for key, value in options.items()})
        return cfg
    return build


def phase_of(run, index):
    return Path(run, FOLDERS[index - 1], 'phase.safetensors')


# ---- which teachers are refused ------------------------------------------------------------------------------------

def refused(cfg, error, sentence):
    """Refused before anything is written, in one sentence."""
    with pytest.raises(error) as caught:
        train_stream(cfg)
    assert sentence in str(caught.value) and '\n' not in str(caught.value)
    assert not Path(cfg.work_dir).exists()


def test_a_path_without_anything(config, tmp_path):
    path = tmp_path / 'nowhere'
    refused(config(path=path), CheckpointError,
            f'{path} does not exist; give the folder of a run or a phase.safetensors in it')


def test_a_folder_that_is_no_run(config, tmp_path):
    (tmp_path / 'folder').mkdir()
    refused(config(path=tmp_path / 'folder'), RunError, 'results.json does not exist; give the folder of a run')


def test_a_run_that_has_not_finished_a_phase(config, teacher, tmp_path):
    shutil.copytree(teacher, tmp_path / 'started')
    results = Results.load(tmp_path / 'started')
    results.phases.clear()
    results.save(tmp_path / 'started')
    refused(config(path=tmp_path / 'started'), RunError,
            f'the run in {tmp_path / "started"} has not finished a phase yet; continue it with `resume=True`')


def test_a_run_whose_last_checkpoint_is_another_one(config, teacher, tmp_path):
    run = shutil.copytree(teacher, tmp_path / 'other')
    checkpoint = read_checkpoint(phase_of(run, 3))
    checkpoint['state_dict']['heads.depth.output.bias'] += 1
    write_checkpoint(checkpoint, phase_of(run, 3))
    refused(config(path=run), CheckpointError, 'is not the checkpoint that results.json records for phase 3')


def test_a_teacher_that_lacks_a_task_of_the_student(config, teacher):
    path = phase_of(teacher, 2)
    refused(config(path=path), ConfigError,
            f"method: the teacher {path} lacks the task 'normal', it has segmentation, depth; name what it has in "
            f"distilled_tasks, or give another teacher")


def test_a_task_that_the_student_does_not_learn(config):
    refused(config(tasks=['segmentation', 'depth'], method__distilled_tasks=['depht']), ConfigError,
            "method.distilled_tasks names the unknown task 'depht'; did you mean 'depth'?")


def test_another_kind_of_task_behind_the_same_name(config):
    refused(config(tasks__depth=dict(_delete_=True, type='DisparityEstimation')), ConfigError,
            "the task 'depth' is a DepthEstimation, for the student a DisparityEstimation; give a teacher of the same "
            "tasks")


def test_another_number_of_classes(config):
    refused(config(tasks__segmentation=dict(num_classes=40, classes=None)), ConfigError,
            "has 13 channels for the task 'segmentation', the student 40; give a teacher of the same classes")


def test_tasks_that_share_a_head_in_one_of_the_two_only(tmp_path):
    phases, runs = [dict(tasks=list(OBJECTS))], [tmp_path / 'teacher', tmp_path / 'student']
    train_stream(class_incremental(runs[0], dict(type='Joint'), phases))
    cfg = class_incremental(runs[1], dict(type='KD', teacher=str(runs[0])), phases)
    check_external_teachers(Stream.from_config(cfg))
    for task in cfg.tasks.values():
        del task['head']
    refused(cfg, ConfigError, "has the task 'objects_1' on the head 'objects', the student on 'objects_1'; let the "
                              "same tasks share a head in both")


def test_another_normalisation_of_images(config):
    refused(config(model__data_preprocessor=dict(type='DensePreprocessor', mean=[0.5, 0.5, 0.5])), ConfigError,
            '"mean": [0.5, 0.5, 0.5], "std": [0.229, 0.224, 0.225]}; give both the same model.data_preprocessor')


def test_the_same_normalisation_in_other_words_passes(config):
    preprocessor = dict(type='DensePreprocessor', channels_last=False, std=[0.229, 0.224, 0.225])
    check_external_teachers(Stream.from_config(config(model__data_preprocessor=preprocessor)))


class Harmful:
    def __reduce__(self):
        return print, ('harm', )


def test_a_file_that_could_run_code(config, tmp_path):
    torch.save(dict(state_dict=Harmful()), tmp_path / 'phase.pth')
    refused(config(path=tmp_path / 'phase.pth'), CheckpointError, 'is not loaded, because that could run code')


def test_a_checkpoint_that_does_not_say_which_model_it_holds(config, tmp_path):
    write_checkpoint(dict(state_dict={}), tmp_path / 'weights.pth')
    refused(config(path=tmp_path / 'weights.pth'), CheckpointError, 'does not say which model it holds')


def test_a_model_for_each_task(config, data_root, tmp_path):
    models = stream_config(tmp_path / 'models.py', data_root, tmp_path / 'models', 'Vanilla', model=WHOLE_RESNET,
                           train_cfg__max_epochs=1, phases=[dict(task=name) for name in STREAM[:2]])
    models.method = dict(type='SingleTask')
    train_stream(models)
    refused(config(tasks=STREAM[:2], path=tmp_path / 'models'), RunError,
            f'{tmp_path / "models"} holds a model for each of its tasks, expected one for all')


@pytest.mark.slow
def test_the_tool_says_it_in_one_line(data_root, tmp_path):
    path = write_config(tmp_path / 'c.py', data_root, 'Vanilla', model=WHOLE_RESNET,
                        extra=f"phases = [dict(tasks={STREAM!r})]\nmethod = dict(type='KD', teacher='nowhere')\n")
    run = run_tool(ROOT / 'tools/train.py', path, '--work-dir', tmp_path / 'run')
    assert run.returncode == 1 and not (tmp_path / 'run').exists()
    assert run.stderr.strip().splitlines()[-1] == (
        'error: nowhere does not exist; give the folder of a run or a phase.safetensors in it')


# ---- what a run makes of it ----------------------------------------------------------------------------------------

@pytest.fixture
def teachers(monkeypatch):
    """The teacher that each phase began with."""
    begun, begin = [], KDAM.begin_phase

    def record(self, learner, phase):
        begun.append(phase.teacher and phase.teacher.learner)
        begin(self, learner, phase)
    monkeypatch.setattr(KDAM, 'begin_phase', record)
    return begun


def test_a_run_stands_for_its_last_phase(config, teacher, teachers):
    train_stream(config())
    expected = read_checkpoint(phase_of(teacher, 3))['state_dict']
    assert weights_digest(teachers[0].state_dict()) == weights_digest(expected)


def test_the_teacher_keeps_its_own_backbone_and_leaves_nothing_in_what_the_student_saves(config, teachers):
    results = train_stream(config(model__backbone__depth=50, model__head__in_channels=256))
    teacher, student = teachers[0], load_learner(config().work_dir)
    assert (teacher.backbone.depth, student.backbone.depth) == (18, 50)
    assert not teacher.training and not any(parameter.requires_grad for parameter in teacher.parameters())
    assert results.phases[0].parameters == sum(parameter.numel() for parameter in student.parameters())


def test_a_phase_of_the_tasks_that_are_distilled_is_enough(config, teacher):
    path = phase_of(teacher, 2)
    assert train_stream(config(path=path, method__distilled_tasks=['segmentation', 'depth'])).finished


def interrupt_in_the_second_epoch(monkeypatch, cfg):
    before_train_iter = ContinualPhaseHook.before_train_iter

    def interrupt(self, runner, batch_idx, data_batch=None):
        if runner.epoch == 1:
            raise KeyboardInterrupt
        before_train_iter(self, runner, batch_idx, data_batch)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ContinualPhaseHook, 'before_train_iter', interrupt)
        train_stream(cfg)


@pytest.mark.slow
def test_a_run_is_not_resumed_with_another_teacher_at_the_same_path(config, teacher, tmp_path, monkeypatch):
    path = tmp_path / 'phase.safetensors'
    shutil.copy(phase_of(teacher, 3), path)
    cfg = config(path=path, train_cfg__max_epochs=2, default_hooks__checkpoint__interval=1)
    interrupt_in_the_second_epoch(monkeypatch, cfg)
    checkpoint = read_checkpoint(path)
    checkpoint['state_dict']['heads.depth.output.bias'] += 1
    write_checkpoint(checkpoint, path)
    with pytest.raises(CheckpointError, match=f'the teacher {path} has other weights than when this run began; restore '
                                              f'it, or start the run again in another work_dir'):
        train_stream(cfg, resume=True)
    shutil.copy(phase_of(teacher, 3), path)
    assert train_stream(cfg, resume=True).finished
