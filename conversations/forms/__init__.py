"""What people fill in: to sign in and start (account.py), settings (settings.py), a project (projects.py)."""
