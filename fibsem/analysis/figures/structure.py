"""Figures of pore structure: pore sizes, and the variation of porosity over parts of a film."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from matplotlib.figure import Figure

from fibsem.analysis.figures.style import NEUTRAL, PORE, SOLID, AnyArray, axes_row, shown

COLOURS = (PORE, SOLID, "#009E73", "#CC79A7", NEUTRAL)


def pore_sizes(curves: Mapping[str, tuple[AnyArray, ...]], unit: str) -> Figure:
    """Plot cumulative pore size distributions of one or more films.

    Parameters
    ----------
    curves : mapping of film to (diameters, by local thickness, by intrusion)
        Share of the pore volume with at least each diameter, by either definition.
    unit
        Unit of the diameters.

    Examples
    --------
    ```python
    diameters = np.array([20.0, 40.0, 80.0])
    pore_sizes({"HPC22": (diameters, np.array([1.0, 0.6, 0.1]), np.array([1.0, 0.4, 0.0]))}, "nm")
    ```
    """
    figure, (ax,) = axes_row(1, 6.4, 2.8)
    for name, colour, (diameters, thickness, intrusion) in _coloured(curves):
        label = shown(name)
        ax.plot(diameters, 100 * thickness, color=colour, lw=1.4, label=f"{label}, thickness")
        ax.plot(diameters, 100 * intrusion, "--", color=colour, lw=1.2, label=f"{label}, intrusion")
    ax.set(xlabel=f"diameter ({unit})", ylabel="pore volume at least as wide (%)", xscale="log")
    ax.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def porosity_of_parts(curves: Mapping[str, tuple[AnyArray, ...]], unit: str) -> Figure:
    """Plot the standard deviation of porosity over parts of a film against their size.

    Parameters
    ----------
    curves : mapping of film to (sides, s.d. of porosity)
        Sides of the cubes that the film is cut into, and standard deviation over them.
    unit
        Unit of the sides.

    Examples
    --------
    ```python
    porosity_of_parts({"HPC22": (np.array([250.0, 500.0]), np.array([0.08, 0.03]))}, "nm")
    ```
    """
    figure, (ax,) = axes_row(1, 6.4, 2.8)
    for name, colour, (sides, spread) in _coloured(curves):
        ax.plot(sides, 100 * spread, "o-", ms=3, color=colour, lw=1.2, label=shown(name))
    ax.set(xlabel=f"side of a part ({unit})", ylabel="s.d. of porosity (points)")
    ax.set(xscale="log", yscale="log")
    ax.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _coloured(
    curves: Mapping[str, tuple[AnyArray, ...]],
) -> Iterator[tuple[str, str, tuple[AnyArray, ...]]]:
    for k, (name, curve) in enumerate(curves.items()):
        yield name, COLOURS[k % len(COLOURS)], curve
