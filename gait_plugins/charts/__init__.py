"""Figures for the reports of any package: plots, heat maps and strips, as SVG and PNG, without a library."""

from gait_plugins.charts.colours import DARK, LIGHT, colours_of, series, variables
from gait_plugins.charts.grids import Strip, heat_map, strips
from gait_plugins.charts.plots import Axis, Line, cloud, line_plot
from gait_plugins.charts.png import pixels, png
from gait_plugins.charts.shapes import Bitmap, Box, Dot, Figure, Label, Polyline, Shape
from gait_plugins.charts.svg import RULES, svg

__all__ = [
    "DARK",
    "LIGHT",
    "RULES",
    "Axis",
    "Bitmap",
    "Box",
    "Dot",
    "Figure",
    "Label",
    "Line",
    "Polyline",
    "Shape",
    "Strip",
    "cloud",
    "colours_of",
    "heat_map",
    "line_plot",
    "pixels",
    "png",
    "series",
    "strips",
    "svg",
    "variables",
]
