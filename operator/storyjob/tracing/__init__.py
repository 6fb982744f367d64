"""Traces: what a story's statuses say of its times, as spans, and whoever sends them."""
