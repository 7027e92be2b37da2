import pytest

from lhl.synthetic.rooms import render

from .rooms_on_disk import SIZE, write_rooms


@pytest.fixture
def with_picture():
    """A test that asks for it gets the contact sheet, whose half a second is most of a run's time."""


@pytest.fixture(autouse=True)
def without_picture(request, monkeypatch):
    if 'with_picture' not in request.fixturenames:
        monkeypatch.setattr('lhl.apis.dataset_check.check.draw_contact_sheet', lambda *arguments: None)


@pytest.fixture(scope='session')
def rooms():
    return [render(seed, *SIZE) for seed in range(6)]


@pytest.fixture
def root(tmp_path, rooms):
    return write_rooms(tmp_path / 'mine', rooms)
