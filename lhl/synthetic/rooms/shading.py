"""How bright is every pixel, and what does a camera make of it?"""

from __future__ import annotations

import numpy as np

from .materials import texture
from .ray_casting import Hits, RayCaster
from .scene import Camera, Light


def shade(caster: RayCaster, camera: Camera, hits: Hits) -> tuple[np.ndarray, np.ndarray]:
    """Light every visible point.

    Lambert's law with ambient light, lamps that fall off with distance, a sun that does not, highlights on glossy
    surfaces, shadows of the first light, and surfaces that shine by themselves.

    Args:
        caster: Of the scene; it answers what lies in shadow.
        camera: Where the scene is seen from.
        hits: What it sees.

    Returns:
        Linear radiance (3, H, W) float32, and the share of it that is mirrored light, (H, W) float32.
    """
    scene, shape = caster.scene, hits.depth.shape
    points = camera.position.astype(np.float32)[:, None, None] + hits.depth * hits.rays
    specular, emission = (
        np.array([getattr(surface.material, name) for surface in scene.surfaces], np.float32)[hits.surface]
        for name in ('specular', 'emission'))
    glossy = specular > 0
    mirrored = np.zeros(shape, np.float32)
    # The sky side of things is a little brighter than their underside.
    light_sum = np.float32(scene.ambient) * (1 + 0.25 * hits.normal[2]) * np.ones((3, 1, 1), np.float32)
    for index, light in enumerate(scene.lights):
        to_light = light.position.astype(np.float32)[:, None, None] - points
        square = (to_light * to_light).sum(0)
        to_light /= np.sqrt(square)
        received = np.maximum((to_light * hits.normal).sum(0), 0)
        if light.falls_off:
            received /= 1 + 0.25 * square
        if index == 0:
            received *= 0.15 + 0.85 * _visibility(caster, light, points)
        light_sum += received * light.colour.astype(np.float32)[:, None, None]
        if glossy.any():
            highlight = _highlight(to_light[:, glossy], hits.rays[:, glossy], hits.normal[:, glossy])
            mirrored[glossy] += specular[glossy] * highlight * (received[glossy] > 0.02)
    albedo = _albedo(caster, camera, hits, points)
    return albedo * (light_sum * (1 - emission) + 1.25 * emission) + mirrored, mirrored


def _albedo(caster: RayCaster, camera: Camera, hits: Hits, points: np.ndarray) -> np.ndarray:
    """(3, H, W) colour of every visible point, one surface after another."""
    surface, points = hits.surface.reshape(-1), points.reshape(3, -1)
    materials = [thing.material for thing in caster.scene.surfaces]
    albedo = np.stack([material.colours[0] for material in materials], 1)[:, surface]
    patterned = np.flatnonzero(np.array([material.pattern != 'plain' for material in materials])[surface])
    order = patterned[np.argsort(surface[patterned], kind='stable')]
    for pixels in np.split(order, np.flatnonzero(np.diff(surface[order])) + 1) if len(order) else ():
        index = int(surface[pixels[0]])
        position = points[:, pixels]
        primitive = index - len(caster.scene.sides)
        if primitive >= 0:  # patterns stick to their object
            yaw = caster.scene.primitives[primitive].yaw
            position = position - caster.centres[primitive].astype(np.float32)[:, None]
            cosine, sine = np.float32(np.cos(yaw)), np.float32(np.sin(yaw))
            x, y, z = position
            position = np.stack([cosine * x + sine * y, cosine * y - sine * x, z])
        albedo[:, pixels] = texture(materials[index], position)
    return albedo.reshape(3, *hits.depth.shape)


def _visibility(caster: RayCaster, light: Light, points: np.ndarray) -> np.ndarray:
    """(H, W) share of a light that arrives, tried at every second pixel and softened over its neighbours."""
    coarse = points[:, ::2, ::2]
    visible = 1 - caster.blocked(light.position, coarse.reshape(3, -1)).astype(np.float32)
    padded = np.pad(visible.reshape(coarse.shape[1:]), 1, mode='edge')
    sides = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    soft = (sides + 2 * padded[1:-1, 1:-1]) / 6
    height, width = points.shape[1:]
    return soft.repeat(2, 0).repeat(2, 1)[:height, :width]


def _highlight(to_light: np.ndarray, rays: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """(N,) Blinn's cosine between the normal and the half-way vector, to the 64th power."""
    half_way = to_light - rays / np.sqrt((rays * rays).sum(0))
    cosine = np.maximum((half_way * normal).sum(0), 0) / np.sqrt((half_way * half_way).sum(0) + 1e-6)
    for _ in range(6):  # repeated squaring: a general power is slow
        cosine *= cosine
    return cosine


def photograph(radiance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn radiance into an 8-bit picture with random exposure, white balance, gamma and sensor noise.

    Exposure follows a high percentile, so that no view is drowned in white however bright its lamps.

    Args:
        radiance: (3, H, W) float32, linear.
        rng: Source of randomness.

    Returns:
        (H, W, 3) uint8.
    """
    exposure = 0.75 / max(float(np.percentile(radiance, 88)), 0.1) * np.exp(rng.normal(-0.1, 0.25))
    balance = 1 + rng.normal(0, 0.07, 3)
    gain = (exposure * balance).astype(np.float32)[:, None, None]
    picture = np.maximum(radiance * gain, 0)
    picture /= 1 + np.float32(0.35) * picture  # a shoulder instead of hard clipping
    picture = picture**np.float32(1 / rng.uniform(1.5, 2.2))
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    picture += noise * np.float32(rng.uniform(0.005, 0.03))
    return np.ascontiguousarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))
