"""Synthetic FIB-SEM films with known truth, and squares drawn on them like an expert's labels."""

from fibsem.data.phantom.annotator import draw
from fibsem.data.phantom.recipe import FilmRecipe, PhantomRecipe
from fibsem.data.phantom.render import signals
from fibsem.data.phantom.simulation import simulate
from fibsem.data.phantom.structure import Structure

__all__ = ["FilmRecipe", "PhantomRecipe", "Structure", "draw", "signals", "simulate"]
