"""The style model: latent vectors of a song and of its parts, a prior by genre, and the statistics they stand for."""

from composer.model.style.model import DecodedStyle, Style, StyleModel, draw_style, interpolate, style_noise

__all__ = ["DecodedStyle", "Style", "StyleModel", "draw_style", "interpolate", "style_noise"]
