import pickle
import struct
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from training import torch_weights

Views = dict[str, tuple[np.ndarray, tuple[int, ...], tuple[int, ...]]]
"""Values, shape and strides by name."""


def write(path: Path, tensors: Views) -> None:
    """A state dict in PyTorch's first format, by protocol 2 opcodes: each tensor from its own storage."""
    body = bytearray(pickle.PROTO + b"\x02" + pickle.EMPTY_DICT + pickle.MARK)
    for key, (name, (values, size, stride)) in enumerate(tensors.items()):
        kind = {"f": "FloatStorage", "i": "LongStorage"}[values.dtype.kind]
        body += pickle.BINUNICODE + struct.pack("<I", len(name)) + name.encode()
        body += pickle.GLOBAL + b"torch._utils\n_rebuild_tensor_v2\n" + pickle.MARK
        body += pickle.MARK + pickle.BINUNICODE + struct.pack("<I", 7) + b"storage"
        body += pickle.GLOBAL + f"torch\n{kind}\n".encode()
        body += pickle.BINUNICODE + struct.pack("<I", len(str(key))) + str(key).encode()
        body += pickle.BINUNICODE + struct.pack("<I", 3) + b"cpu" + pickle.BININT + struct.pack("<i", values.size)
        body += pickle.TUPLE + pickle.BINPERSID
        for part in (0, size, stride):
            body += pickle.dumps(part, 2)[2:-1]
        body += pickle.NEWFALSE + pickle.TUPLE + pickle.REDUCE
    body += pickle.SETITEMS + pickle.STOP
    with path.open("wb") as stream:
        for header in (torch_weights.MAGIC, 1001, {"little_endian": True}):
            pickle.dump(header, stream, 2)
        stream.write(body)
        pickle.dump([str(key) for key in range(len(tensors))], stream, 2)
        for values, _, _ in tensors.values():
            stream.write(struct.pack("<q", values.size) + values.tobytes())


def test_tensors_come_back_by_name_shape_and_strides(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.float32)
    count = np.array([7], dtype=np.int64)
    views: Views = {"plain": (values, (2, 3), (3, 1)), "turned": (values, (3, 2), (1, 3)), "n": (count, (), ())}
    write(tmp_path / "w.pth", views)
    stored = torch_weights.read_state_dict(tmp_path / "w.pth")
    assert stored["plain"].tolist() == [[0, 1, 2], [3, 4, 5]]
    # A permuted view of a storage, which is how converted TensorFlow kernels are saved.
    assert stored["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert stored["n"] == 7


@pytest.mark.parametrize("content", [pickle.dumps(1), pickle.dumps(OrderedDict(a=Path("x")))], ids=["number", "path"])
def test_other_files_are_refused_and_nothing_in_them_is_run(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(ValueError, match="no state dict"):
        torch_weights.read_state_dict(tmp_path / "w.pth")
