//! The heart of a build: elements, their hooks, the phases they run in, and the plan that is worked out before any
//! of them runs.
//!
//! This crate must not know any distribution, any shell script, any partition table, nor the terminal: elements
//! come from the crates that register them, a finished tree goes to `dib-image`, and whoever watches a build does so
//! through [`Observer`]. Nothing in here reads the environment: what the user wants comes as an [`ImageSpec`].
//!
//! In reading order:
//! - [`nearest`]: names that somebody meant.
//! - [`phase`], [`hook`], [`package`], [`package_map`], [`service_map`], [`layer_rule`], [`element`], [`registry`]: what there is.
//! - [`spec`], [`break_points`], [`layer_use`]: what the user wants.
//! - [`variables`], [`install_type`], [`plan`]: what will be done; pure.
//! - [`context`], [`error`], [`journal`]: what a hook sees, does and leaves behind.
//! - [`machine`], [`build`], [`observer`], [`runner`], `phase_entry`, `staging`: doing it.

pub mod break_points;
pub mod build;
pub mod context;
pub mod element;
pub mod error;
pub mod hook;
pub mod inputs;
pub mod install_type;
pub mod journal;
pub mod layer_rule;
pub mod layer_use;
pub mod layering;
pub mod machine;
pub mod nearest;
pub mod observer;
pub mod package;
pub mod package_map;
pub mod phase;
mod phase_entry;
pub mod plan;
pub mod registry;
pub mod runner;
pub mod service_map;
pub mod spec;
mod staging;
pub mod surroundings;
pub mod variables;

pub use dib_archive::ArchiveFormat;
pub use dib_cache as cache;
pub use dib_sys::FileKind;

pub use break_points::{BreakPoint, BreakPoints};
pub use build::Build;
pub use context::HookContext;
pub use element::{BlockDevice, Element, ElementName};
pub use error::HookError;
pub use hook::{Hook, HookBody, HookFn, HookName, InputsFn, Program};
pub use inputs::{Found, PlanPart, Source};
pub use journal::{Effect, Entry, Journal};
pub use layer_rule::{InvalidLayerRule, LayerRule};
pub use layer_use::{InvalidPlanPlace, LayerUse, PlanPlace};
pub use layering::{Fate, Layering, Ran, Unit};
pub use machine::{Machine, SandboxMachine};
pub use observer::{Explanation, HookTiming, Observer, PhaseProfile, Work, WorkUnit};
pub use package::{Condition, PackageRule};
pub use package_map::PackageMap;
pub use phase::Phase;
pub use plan::{
    PackageAction, Plan, PlanError, PlannedBlockDevice, PlannedDisk, PlannedFileSystem, PlannedHook,
    PlannedPackage,
};
pub use registry::{DuplicateElement, Registry};
pub use runner::RunError;
pub use service_map::ServiceMap;
pub use spec::{
    Arch, BaseElement, BootSign, BootTest, ChecksumKind, Compression, DiskImages, ExistingOutput, Freshness,
    ImageSpec, ImageType, LoopDevice, OutputSpec, Workspace,
};
pub use surroundings::Surroundings;
pub use variables::{Variable, Variables};
