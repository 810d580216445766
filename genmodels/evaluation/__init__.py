"""How good, how varied, how copied: measured under one protocol, as plain data."""
