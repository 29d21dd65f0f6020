"""From who listens to what, to what sounds alike: the steps of the paper, one module each.

Imports run one way, down the pipeline; ``tests/test_architecture.py`` holds the order.
"""
