"""Run onnxruntime as on a CPU with AVX2 and without AVX-512 and VNNI, on a machine that has them.

onnxruntime has no setting for this. Its library queries the CPU once, when it is loaded (MLAS, `platform.cpp`). This
module copies the installed package and patches two of these queries so that they always answer "no": whether the CPU
has AVX-VNNI, and whether the system saves the registers of AVX-512. Everything else is unchanged. `floor.saturates`
multiplies numbers in the copy to check that the patch works. The copy is used only for the figures without VNNI.
"""

import importlib.util
import platform
import re
import shutil
from pathlib import Path

_QUESTIONS = re.compile(
    rb"\x0f\xa2(\xa8\x10)\x74"  # cpuid; test al, 16 (AVX-VNNI bit); je
    rb".{20,200}?"
    rb"(\xa8\xe0)\x0f\x84",  # test al, 224 (AVX-512 bits missing from XCR0); je
    re.DOTALL,
)
_NO_AVX_VNNI = b"\x24\x00"  # and al, 0: always take the jump that skips AVX-VNNI
_NO_AVX_512 = b"\x0c\xe0"  # or al, 224: never take the jump to AVX-512


class NotEmulated(RuntimeError):
    """This build of onnxruntime does not contain the expected queries, or the CPU has neither feature."""


def without_vnni(library: bytes) -> bytes:
    """Return the library with both queries patched to "no". Raises NotEmulated unless both are found exactly once."""
    found = list(_QUESTIONS.finditer(library))
    if len(found) != 1:
        raise NotEmulated(f"this onnxruntime has the CPU queries of MLAS {len(found)} times instead of once")
    changed = bytearray(library)
    for group, answer in ((1, _NO_AVX_VNNI), (2, _NO_AVX_512)):
        begin, end = found[0].span(group)
        changed[begin:end] = answer
    return bytes(changed)


def package(folder: Path) -> Path:
    """Create the patched copy in `folder`, replacing an old copy. Return the folder to put first on the module path.

    Raises NotEmulated.
    """
    if platform.machine() != "x86_64":
        raise NotEmulated(f"{platform.machine()} has neither AVX2 nor AVX-512")
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        raise NotEmulated("onnxruntime is not installed")
    copied = folder / "onnxruntime"
    shutil.rmtree(copied, ignore_errors=True)
    shutil.copytree(Path(spec.origin).parent, copied, ignore=shutil.ignore_patterns("__pycache__"))
    for library in copied.glob("capi/onnxruntime_pybind11_state*.so"):
        library.write_bytes(without_vnni(library.read_bytes()))
        return folder
    raise NotEmulated("this onnxruntime has no library in the expected place")
