//! The cache against a server on loopback that misbehaves as told.

mod downloads;
mod encrypted;
mod failures;
mod judged;
mod mismatches;
mod processes;
mod server;
mod setup;
mod signatures;
mod upkeep;
