"""The settings of the deployed stack, for the local one: the defaults of cdk.json."""

import json
from collections.abc import MutableMapping
from pathlib import Path

from infra.settings import Settings
from pneumonia_cli.local.access import SECRET_ID
from pneumonia_cli.local.cloud import RESULT_BUCKET, UPLOAD_BUCKET

CDK_JSON = Path(__file__).resolve().parent.parent.parent / "cdk.json"


def stack_settings(cdk_json: Path = CDK_JSON) -> Settings:
    """The validated defaults of the stack. Raises infra.settings.SettingsError."""
    context = json.loads(cdk_json.read_text(encoding="utf-8"))["context"]
    return Settings.from_context(context)


def export_settings(settings: Settings, env: MutableMapping[str, str], auth: str = "none") -> None:
    """Give the handlers the environment variables that the stack gives them.

    Variables that the user has set win, so that a setting can be tried without touching cdk.json. `auth` is
    none or token: there is nobody here who could check signatures. Call it before the handlers first read
    their settings, which they keep; where uploads are wanted, inside of `local_cloud`, which tells its address.
    """
    variables = {
        "MAX_IMAGE_BYTES": str(settings.max_image_bytes),
        "MAX_IMAGE_PIXELS": str(settings.max_image_pixels),
        "MAX_DECODED_BYTES": str(settings.max_decoded_bytes),
        "MAX_FRAMES": str(settings.max_frames),
        "MAX_DICOM_ELEMENTS": str(settings.max_dicom_elements),
        "MAX_DICOM_NESTING": str(settings.max_dicom_nesting),
        "MIN_IMAGE_SIDE": str(settings.min_image_side),
        "DECODE_SECONDS": str(settings.decode_seconds),
        "ALLOWED_URL_HOSTS": ",".join(settings.allowed_url_hosts),
        "URL_TIMEOUT_SECONDS": str(settings.url_timeout_seconds),
        "INTRA_OP_THREADS": str(settings.intra_op_threads),
        "UPLOAD_EXPIRES_SECONDS": str(settings.upload_link_seconds),
    }
    for name, value in variables.items():
        env.setdefault(name, value)
    # Always: the local cloud has no others.
    env["UPLOADS_BUCKET"] = UPLOAD_BUCKET
    env["RESULTS_BUCKET"] = RESULT_BUCKET
    env["AUTH_MODE"] = auth
    env["AUTH_SECRET_ID"] = SECRET_ID
