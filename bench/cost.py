"""List prices of AWS Lambda, and the price of predictions."""

# https://aws.amazon.com/lambda/pricing/, US East (N. Virginia), first tier, without the free tier.
USD_PER_GB_SECOND = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
USD_PER_REQUEST = 0.20 / 1_000_000


def usd_per_thousand(milliseconds: float, memory_mb: int, architecture: str) -> float:
    """Return the price of 1,000 warm requests. AWS rounds the billed duration up to whole milliseconds."""
    seconds = -(-milliseconds // 1) / 1000
    return round(1000 * (seconds * memory_mb / 1024 * USD_PER_GB_SECOND[architecture] + USD_PER_REQUEST), 6)


def usd_per_thousand_in_batches(milliseconds: float, batch: int, memory_mb: int, architecture: str) -> float:
    """Return the price of 1,000 images of `milliseconds` each, with `batch` of them in one request."""
    return round(usd_per_thousand(milliseconds * batch, memory_mb, architecture) / batch, 6)
