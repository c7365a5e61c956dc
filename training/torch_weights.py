"""Read the tensors of a PyTorch ``.pth`` state dict without PyTorch, and without running what a pickle may hold.

Format: the one ``torch.save`` wrote before version 1.6, five pickles (magic number, protocol, system, state dict,
storage keys), then each storage as a count (int64) and its raw values. Only the names needed to rebuild tensors are
resolved; any other makes the file unreadable.
"""

import pickle  # nosec B403
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

MAGIC = 0x1950A86A20F9469CFC6C
DTYPES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def _view(
    storage: tuple[str, str], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> tuple[Any, ...]:
    return (*storage, offset, size, stride)


class _Tensors(pickle.Unpickler):
    """Rebuilds tensors as (storage type, storage key, offset, shape, strides); offset and strides count items."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _view
        if module == "torch" and name in DTYPES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a state dict")

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        return str(pid[1]), str(pid[2])


def _unpickled(stream: BinaryIO) -> Any:
    return _Tensors(stream).load()


def read_state_dict(path: Path) -> dict[str, NDArray[Any]]:
    """Arrays by parameter name. Raises ``ValueError`` when the file is no such state dict."""
    with path.open("rb") as stream:
        try:
            if _unpickled(stream) != MAGIC:
                raise ValueError(f"{path} is no state dict of PyTorch's first format")
            _unpickled(stream)
            _unpickled(stream)
            tensors, keys = _unpickled(stream), _unpickled(stream)
        except pickle.UnpicklingError as error:
            raise ValueError(f"{path} is no state dict of PyTorch's first format: {error}") from error
        kinds = {tensor[1]: DTYPES[tensor[0]] for tensor in tensors.values()}
        storages = {}
        for key in keys:
            (count,) = struct.unpack("<q", stream.read(8))
            storages[key] = np.frombuffer(stream.read(count * kinds[key].itemsize), kinds[key])
    return {
        name: np.lib.stride_tricks.as_strided(
            storages[key][offset:], size, [step * kinds[key].itemsize for step in stride], writeable=False
        )
        for name, (_, key, offset, size, stride) in tensors.items()
    }
