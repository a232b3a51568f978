"""The vocabulary that everything else speaks: models, errors and ports. Pure: no I/O."""
