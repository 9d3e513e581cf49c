//! Indexes that are written and read again, and those that make no sense.
