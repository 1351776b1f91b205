"""What treasury staff meet inside Airflow: the questions it asks them, and the manners of its DAGs."""
