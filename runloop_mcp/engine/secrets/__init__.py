"""Values of secrets: where they are kept, and how they are kept out of everything else."""
