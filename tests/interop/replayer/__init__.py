"""An independent replayer of the log, from vault/log/FORMAT.md and Python's standard library alone."""
