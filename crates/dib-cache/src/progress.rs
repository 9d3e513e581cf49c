//! What a fetch tells while it runs.

use std::sync::Arc;

/// Receives what happens during fetches; `name` is the file's name in the cache.
///
/// Calls come from whichever thread fetches, so an implementation that draws must lock.
pub trait Progress: Send + Sync {
    /// A body starts to arrive: `total` bytes in all where the server said so, of which `resumed_at` are here already.
    fn started(&self, name: &str, total: Option<u64>, resumed_at: u64);
    /// `bytes` more have arrived.
    fn advanced(&self, name: &str, bytes: u64);
    /// The body is complete.
    fn finished(&self, name: &str);
    /// Another process holds the file's lock; called once per holder.
    fn waiting_for_lock(&self, name: &str, holder: &str);
    /// A try failed for `reason` and try number `attempt` (from 2) comes next.
    fn retrying(&self, name: &str, attempt: u32, reason: &str);
    /// Something the user must know although the fetch goes on, such as an unverified download.
    fn warning(&self, message: &str);
}

/// Tells nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn started(&self, _name: &str, _total: Option<u64>, _resumed_at: u64) {}
    fn advanced(&self, _name: &str, _bytes: u64) {}
    fn finished(&self, _name: &str) {}
    fn waiting_for_lock(&self, _name: &str, _holder: &str) {}
    fn retrying(&self, _name: &str, _attempt: u32, _reason: &str) {}
    fn warning(&self, _message: &str) {}
}

/// Passes on everything but how far downloads have come.
pub(crate) struct WithoutTransfers(pub(crate) Arc<dyn Progress>);

impl Progress for WithoutTransfers {
    fn started(&self, _name: &str, _total: Option<u64>, _resumed_at: u64) {}
    fn advanced(&self, _name: &str, _bytes: u64) {}
    fn finished(&self, _name: &str) {}
    fn waiting_for_lock(&self, name: &str, holder: &str) {
        self.0.waiting_for_lock(name, holder);
    }
    fn retrying(&self, name: &str, attempt: u32, reason: &str) {
        self.0.retrying(name, attempt, reason);
    }
    fn warning(&self, message: &str) {
        self.0.warning(message);
    }
}
