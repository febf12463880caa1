"""The fault lab: scenes with a known true cause, made with real parts and judged from outside."""
