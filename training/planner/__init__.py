"""Trains the planner (``composer.planning.chart``) on the charts of a prepared corpus."""
