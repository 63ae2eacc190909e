"""The platforms that take conversions back, each a module that holds a `PLATFORM`."""
