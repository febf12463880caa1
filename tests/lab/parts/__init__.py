"""Real programs that stand between the client and the service, one class per program."""
