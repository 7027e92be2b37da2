"""The packages that results depend on, and those that get into each other's way."""
from importlib.metadata import PackageNotFoundError, version

import pytest

import lhl
from lhl import environment
from lhl.errors import ConfigError


def install(monkeypatch, *names):
    """Let only these packages be installed."""
    def fake_version(name):
        if name not in names:
            raise PackageNotFoundError(name)
        return '1.2.3'
    monkeypatch.setattr(environment, 'version', fake_version)


def test_versions_are_those_of_this_environment():
    versions = environment.installed_versions()
    assert versions['lhl'] == lhl.__version__
    assert versions['torch'] == version('torch') and versions['onedl-mmengine'] == version('onedl-mmengine')
    assert list(versions) == ['lhl', *environment.STACK]


def test_what_is_missing_is_said_to_be(monkeypatch):
    install(monkeypatch, 'torch')
    assert environment.installed_versions()['torch'] == '1.2.3'
    assert environment.installed_versions()['numpy'] == 'not installed'


def test_forks_alone_and_upstream_alone_are_fine(monkeypatch):
    environment.check_stack()
    install(monkeypatch, 'torch', 'onedl-mmengine', 'onedl-mmcv')
    environment.check_stack()
    install(monkeypatch, 'torch', 'mmengine', 'mmcv')
    environment.check_stack()


@pytest.mark.parametrize('upstream', ['mmengine', 'mmcv', 'mmcv-lite', 'mmcv-full', 'mmsegmentation'])
def test_both_over_each_other_are_refused_with_the_command_that_helps(monkeypatch, upstream):
    install(monkeypatch, 'torch', upstream, 'onedl-mmcv')
    with pytest.raises(ConfigError, match=f'^{upstream} and onedl-mmcv are installed over each other; '
                                          f'run "pip uninstall -y {upstream} onedl-mmcv" and then "pip install'):
        environment.check_stack()
