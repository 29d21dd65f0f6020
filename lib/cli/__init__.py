"""What ``run_all.py`` does once there is an environment.

- `runner`: its commands: run, list, test, lab.
- `notebooks`: executing and storing notebooks.
- `reproduction`: this run's figures beside the committed ones.
- `report`: the part of the README that results fill.
"""
