"""The stage of `chatpath demo`: a small ChatGPT-like service and the faults in front of it."""
