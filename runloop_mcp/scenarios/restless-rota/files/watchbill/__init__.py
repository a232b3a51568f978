"""Who stands which watch at a lifeboat station."""
