"""What will a model learn to exploit in this reward? Vulnerability games, training in them, and honest measures."""
