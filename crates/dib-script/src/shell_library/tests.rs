//! The library and the programs, run by the shells they are for.
