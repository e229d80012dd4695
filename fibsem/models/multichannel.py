"""``multichannel``: the triplanar network with the third axis of the window as channels.

Thesis 3.5. The windows are (n_x, n_y; n_z), (n_x, n_z; n_y) and (n_y, n_z; n_x), with the last axis
as channels. A convolution with channels along an axis is a convolution that spans that axis, so
that the same three first convolutions, 9 * filters * n weights each, serve patch, grid and dense
form.
"""

from __future__ import annotations

import keras

from fibsem.models.spec import ModelSpec
from fibsem.models.triplanar import planes


def build(spec: ModelSpec, *, dense: bool = False) -> keras.Model:
    """Build the network, (batch, y, x, z) in, probability of solid (batch, g_y, g_x, 1) out."""
    return planes(spec, dense=dense, whole_window=True)
