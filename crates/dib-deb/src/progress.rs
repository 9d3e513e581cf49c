//! What is told while packages come in.

/// How far the work on a set of packages has come. Calls come from several threads at once.
pub trait Progress: Sync {
    /// Of `total` bytes of packages, `done` are in the cache.
    fn downloaded(&self, done: u64, total: u64);
    /// Of `total` packages, `done` are unpacked.
    fn unpacked(&self, done: usize, total: usize);
    /// Of `total` packages, `done` are configured; `package` is the one that has just been begun or finished.
    fn configured(&self, done: usize, total: usize, package: &str);
    /// A line that a package's script or a tool wrote.
    fn line(&self, line: &str);
}

/// Tells nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn downloaded(&self, _done: u64, _total: u64) {}
    fn unpacked(&self, _done: usize, _total: usize) {}
    fn configured(&self, _done: usize, _total: usize, _package: &str) {}
    fn line(&self, _line: &str) {}
}
