"""Recording a session on the machine that has the problem."""
