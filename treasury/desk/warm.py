"""What the scheduler loads once, so that no task that it forks has to load it again (ten seconds each).

Airflow imports this through `airflow_local_settings`, which whoever sets Airflow up writes.
"""

import sys
from importlib import import_module

if "scheduler" in sys.argv:
    for name in ("great_expectations", "disbursement.steps", "reconciliation.steps"):
        import_module(name)
