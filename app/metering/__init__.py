"""Counting: `meter.Meter` by prometheus-client, the one package that knows it, and what is wrapped so that it is counted."""
