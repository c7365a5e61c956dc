"""What Prometheus can ask a gateway for."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server


class Metrics:
    """Counters and gauges of one gateway, in a registry of their own. No label names a patient, an image or a peer."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.received = Counter(
            "pneumonia_gateway_received", "Images that were taken in, by how they came", ["by"], registry=self.registry
        )
        self.turned_away = Counter(
            "pneumonia_gateway_turned_away", "Associations and images that were not taken in", ["why"],
            registry=self.registry,
        )  # fmt: skip
        self.answered = Counter(
            "pneumonia_gateway_answered", "Answers by triage, or `refused`", ["triage"], registry=self.registry
        )
        self.delivered = Counter(
            "pneumonia_gateway_delivered", "Images with all results delivered", registry=self.registry
        )
        self.retries = Counter(
            "pneumonia_gateway_retries", "Attempts without success, by stage", ["stage"], registry=self.registry
        )
        self.given_up = Counter(
            "pneumonia_gateway_given_up", "Images that failed for good, by stage", ["stage"], registry=self.registry
        )
        self.seconds = Histogram(
            "pneumonia_gateway_seconds",
            "From an image's arrival to the delivery of its results",
            buckets=(0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200),
            registry=self.registry,
        )
        self._queued = Gauge("pneumonia_gateway_queued", "Images that wait", registry=self.registry)
        self._oldest = Gauge(
            "pneumonia_gateway_oldest_seconds", "Age of the oldest image that waits", registry=self.registry
        )
        self._failed = Gauge("pneumonia_gateway_failed", "Images in the folder of what failed", registry=self.registry)

    def watch(self, queued: Callable[[], float], oldest: Callable[[], float], failed: Callable[[], float]) -> None:
        """Ask these whenever somebody asks for the metrics."""
        self._queued.set_function(queued)
        self._oldest.set_function(oldest)
        self._failed.set_function(failed)

    def serve(self, host: str, port: int) -> Callable[[], None]:
        """Answer over HTTP at `/metrics`; returns what ends it."""
        server, thread = start_http_server(port, host, registry=self.registry)

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return stop
