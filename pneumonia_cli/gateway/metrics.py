"""The Prometheus metrics of a gateway."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server


class Metrics:
    """Counters and gauges of one gateway, in a separate registry. No label names a patient, an image or a peer."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.received = Counter(
            "pneumonia_gateway_received", "Images accepted, by protocol", ["by"], registry=self.registry
        )
        self.turned_away = Counter(
            "pneumonia_gateway_turned_away", "Associations and images turned away", ["why"],
            registry=self.registry,
        )  # fmt: skip
        self.answered = Counter(
            "pneumonia_gateway_answered",
            "Predictions by triage, and refusals",
            ["triage"],
            registry=self.registry,
        )
        self.delivered = Counter(
            "pneumonia_gateway_delivered", "Images with all results delivered", registry=self.registry
        )
        self.retries = Counter(
            "pneumonia_gateway_retries", "Attempts without success, by stage", ["stage"], registry=self.registry
        )
        self.given_up = Counter(
            "pneumonia_gateway_given_up", "Images that failed permanently, by stage", ["stage"], registry=self.registry
        )
        self.seconds = Histogram(
            "pneumonia_gateway_seconds",
            "Seconds from the arrival of an image to the delivery of its results",
            buckets=(0.5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200),
            registry=self.registry,
        )
        self._queued = Gauge("pneumonia_gateway_queued", "Images that are waiting", registry=self.registry)
        self._oldest = Gauge(
            "pneumonia_gateway_oldest_seconds", "Age of the oldest image that is waiting", registry=self.registry
        )
        self._failed = Gauge("pneumonia_gateway_failed", "Images in the folder `failed`", registry=self.registry)

    def watch(self, queued: Callable[[], float], oldest: Callable[[], float], failed: Callable[[], float]) -> None:
        """Set the gauges from these functions on each request for the metrics."""
        self._queued.set_function(queued)
        self._oldest.set_function(oldest)
        self._failed.set_function(failed)

    def serve(self, host: str, port: int) -> Callable[[], None]:
        """Serve `/metrics` over HTTP. Returns a function that stops the server."""
        server, thread = start_http_server(port, host, registry=self.registry)

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return stop
