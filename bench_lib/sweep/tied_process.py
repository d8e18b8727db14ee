"""Importing this lets the process end with its parent: the fork server imports it first, before what takes seconds."""

from bench_lib.core.lifetime import end_with_parent

end_with_parent()
