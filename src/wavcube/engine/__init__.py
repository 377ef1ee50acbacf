"""The training engine shared by all tasks: loop, checkpoints, logging, schedules, distributed setup, run folders."""
