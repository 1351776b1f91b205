"""What people touch: the `salur` command, the desk inside the Airflow UI, the demonstration and the rehearsal.

This is where the clock, the environment and the terminal are met. They are handed on as arguments; no rule
lives here.
"""
