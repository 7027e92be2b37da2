"""One random view of one random room, from a seed."""

from __future__ import annotations

import numpy as np

from .imperfections import unlabelled_border, unmeasured
from .people import with_people
from .random_room import random_camera, random_room
from .ray_casting import RayCaster, rotate
from .room_view import RoomView
from .scene import Camera, Scene
from .shading import photograph, shade

_PREVIEW = (18, 24)  # rows and columns of the coarse look that decides whether a view is worth taking
_CAMERAS_PER_ROOM = 4


def render(seed: int | np.random.SeedSequence, height: int, width: int, people: bool = False) -> RoomView:
    """Render a random view.

    Room, camera and light depend on the seed alone, not on the size of the picture.

    Args:
        seed: A non-negative integer or a seed sequence.
        height: Rows of the picture.
        width: Columns of the picture.
        people: Add up to three people to the room of this seed. They are of the class ``'objects'``, as the 13 classes
            know no people; ``people.human_parts`` tells who is one.
    """
    rng = np.random.default_rng(seed)
    caster, camera = _random_view(rng)
    scene = with_people(rng, caster, camera) if people else caster.scene
    return render_view(scene, camera, height, width, rng)


def render_view(scene: Scene, camera: Camera, height: int, width: int, rng: np.random.Generator) -> RoomView:
    """Render a given scene; ``rng`` decides about exposure, noise and gaps in the unlabelled border."""
    caster = RayCaster(scene)
    hits = caster.look(camera, height, width)
    radiance, mirrored = shade(caster, camera, hits)
    label = np.array([surface.label for surface in scene.surfaces], np.int8)[hits.surface]
    emission = np.array([surface.material.emission for surface in scene.surfaces])[hits.surface]
    normal = rotate(camera.rotation, hits.normal)
    normal /= np.sqrt((normal * normal).sum(0))
    return RoomView(
        image=photograph(radiance, rng),
        label=label,
        depth=hits.depth,
        normal=np.ascontiguousarray(normal.transpose(1, 2, 0)),
        labelled=~unlabelled_border(label, hits.depth, rng),
        measured=~unmeasured(emission, mirrored),
        scene=scene,
        camera=camera,
        hits=hits,
    )


def _random_view(rng: np.random.Generator) -> tuple[RayCaster, Camera]:
    while True:
        caster = RayCaster(random_room(rng))
        for _ in range(_CAMERAS_PER_ROOM):
            camera = random_camera(rng, caster.scene)
            if _worth_a_picture(caster, camera):
                return caster, camera


def _worth_a_picture(caster: RayCaster, camera: Camera) -> bool:
    """Not inside something, not up against something, and not of bare walls only."""
    if caster.encloses(camera.position):
        return False
    hits = caster.look(camera, *_PREVIEW)
    labels = {caster.scene.surfaces[index].label for index in np.unique(hits.surface)}
    return len(labels) >= 4 and float(hits.depth.min()) > 0.3 and float(np.median(hits.depth)) > 1.0
