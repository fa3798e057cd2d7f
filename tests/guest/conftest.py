from installation import corral, user  # noqa: F401
