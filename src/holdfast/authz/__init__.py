"""May they: one pure function decides every question, and says why."""
