"""Small trainings with PyTorch, each with one known fault or none, and their logs."""
