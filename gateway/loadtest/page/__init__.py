"""The page of a load test: one HTML file that needs nothing else, not even a network."""

from gateway.loadtest.page.outcome import Outcome, outcome
from gateway.loadtest.page.writing import page

__all__ = ["Outcome", "outcome", "page"]
