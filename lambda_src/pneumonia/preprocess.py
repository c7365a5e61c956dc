"""The one preprocessing of training, evaluation and serving: change it and all three change together."""

import numpy as np
import numpy.typing as npt
from PIL import Image


def to_model_input(image: Image.Image, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Resize a whole grey image to the model's input, as uint8 [height, width, 1] with values 0..255.

    Pillow's BILINEAR averages over the source area when it reduces (antialiasing), so film size matters
    little. The aspect ratio is not kept: the training films come squashed to a square. Scaling to the
    network's range is inside the ONNX graph. Raises ValueError for a mode other than "L".
    """
    if image.mode != "L":
        raise ValueError(f"to_model_input wants an 8-bit grey image (mode L), not mode {image.mode}.")
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.uint8)[:, :, np.newaxis]
