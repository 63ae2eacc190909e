"""The dashboard: pages made on the server, readable without scripts, printable, keyboard-driven."""
