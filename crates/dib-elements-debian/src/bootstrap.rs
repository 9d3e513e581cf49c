//! `08-debootstrap`: the packages of the whole plan, from the archives into the target; the hooks with `baseinstall` in
//! their names configure them.
//!
//! Upstream has a tool make a minimal system here, and installs the rest in three later steps. The plan knows all
//! packages now, so all are chosen at once, downloaded at once and unpacked as they arrive. What is chosen is what upstream
//! gets: apt's answer to the same questions in the same order.

use std::collections::BTreeMap;
use std::thread;

use dib_core::inputs::digest;
use dib_core::{Element, Freshness, HookContext, HookError, PackageAction, Phase};
use dib_deb::{
    Ahead, Archive, Expiry, Place, Recommends, Stage, SuiteSource, Transaction, bootstrap_set, check_names,
    fetch_release, mark_automatic, noninteractive_environment, resolve,
};

use crate::image_keyrings::write_keyrings;
use crate::shown_progress::ShownProgress;
use crate::sources::{self, SourceList, Wanted};
use crate::{locale, reproducible};

const RESOLVER: &str = "/etc/resolv.conf";

/// Lets apt in the target accept what the build accepts; gone before the image is written.
const VALID_UNTIL_IGNORED: &str = "/etc/apt/apt.conf.d/90dib-valid-until";

/// Chooses, downloads and unpacks all packages of the plan.
///
/// # Errors
/// When the archives can't be had or don't verify, when no set of packages fits, or when one can't be unpacked.
pub fn debootstrap(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let wanted = Wanted::of(ctx)?;
    let lists = wanted.lists()?;
    let arch = ctx.arch().to_string();
    let expiry = match ctx.freshness() {
        Freshness::Checked => Expiry::CheckedAt(jiff::Timestamp::now()),
        Freshness::Unchecked => Expiry::Ignored,
    };
    let suites = sources::suites(&lists, &arch, expiry)?;
    let archive = Archive::fetch(ctx.cache(), &suites, &arch).map_err(HookError::foreign)?;
    // Scripts write to /dev/null, which must not become a file of the image.
    for directory in ["/dev", "/proc", "/sys"] {
        ctx.create_directory(directory)?;
    }
    ctx.mount_kernel_file_systems()?;
    let (base, mut rest) = names(ctx);
    rest.extend(wanted.include.iter().map(String::as_str));
    let stages = [
        Stage {
            names: &base,
            recommends: Recommends::Installed,
        },
        Stage {
            names: &rest,
            recommends: Recommends::LeftOut,
        },
    ];
    check_names(&archive, &stages).map_err(HookError::foreign)?;
    let prepare_apt = || {
        write_sources(ctx, &lists)?;
        write_keyrings(ctx, &wanted, &lists, &archive)?;
        // Apt takes back no release that is older than the one it has, so this may count for all of them.
        if suites.iter().any(|suite| suite.expiry == Expiry::Ignored) {
            ctx.create_directory("/etc/apt/apt.conf.d")?;
            let text = "Acquire::Check-Valid-Until \"false\";\n";
            ctx.write(VALID_UNTIL_IGNORED, text, 0o644)?;
        }
        Ok(archive.write_apt_lists(ctx.target())?)
    };
    let (cache, environment) = (ctx.cache().without_transfers_told(), environment(ctx));
    let place = Place {
        cache: &cache,
        target: ctx.target(),
        environment: &environment,
        progress: &ShownProgress::of(ctx),
    };
    let (ahead, all) = (Ahead::default(), [base.clone(), rest.clone()].concat());
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("ahead".to_owned());
        // Without that thread all goes the same way, only slower.
        let _ = builder.spawn_scoped(scope, || ahead.work(place, &archive, &all));
        let unpacked = unpack_all(ctx, place, &archive, &stages, &ahead, prepare_apt);
        ahead.stop();
        unpacked
    })?;
    dib_deb::current_lists::mark(ctx.target())?;
    if !is_configured_later(ctx) {
        base_install(ctx)?;
        leave_as_upstream_does(ctx)?;
    }
    Ok(())
}

/// Leaves the target to a script as upstream's tools do: with the host's resolver file, and without the kernel's file systems, which
/// the script mounts itself. Its programs need a `/dev` all the same.
fn leave_as_upstream_does(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if !ctx.exists(RESOLVER)? {
        ctx.write(RESOLVER, ctx.read_host(RESOLVER.into())?, 0o644)?;
    }
    ["/sys", "/proc"]
        .into_iter()
        .try_for_each(|path| ctx.unmount(path))
}

/// Returns whether the build has one of our hooks with `baseinstall` in their names; an operating system that is a directory has
/// a script of that name, which takes the packages for configured.
fn is_configured_later(ctx: &HookContext<'_>) -> bool {
    ctx.elements()
        .flat_map(Element::hooks)
        .any(|hook| hook.body.is_native() && hook.name.as_str().ends_with("-baseinstall"))
}

/// Says what `08-debootstrap` depends on beyond the build: what its archives hold now, which their signed releases tell.
///
/// # Errors
/// When a release can't be had or does not verify: the hook would fail as well.
pub fn debootstrap_inputs(ctx: &HookContext<'_>) -> Result<Vec<(String, String)>, HookError> {
    let wanted = Wanted::of(ctx)?;
    let lists = wanted.lists()?;
    let expiry = match ctx.freshness() {
        Freshness::Checked => Expiry::CheckedAt(jiff::Timestamp::now()),
        Freshness::Unchecked => Expiry::Ignored,
    };
    let mut inputs = vec![(
        "the archives".to_owned(),
        digest(format!("{wanted:?}").as_bytes()),
    )];
    let suites = sources::suites(&lists, ctx.arch().name(), expiry)?;
    let cache = ctx.cache();
    let fetched: Vec<_> = thread::scope(|scope| {
        let fetch = |suite: &SuiteSource| {
            fetch_release(cache, &suite.base_uri, &suite.suite, &suite.keyring, suite.expiry)
        };
        let threads: Vec<_> = suites
            .iter()
            .map(|suite| scope.spawn(move || fetch(suite)))
            .collect();
        let joined = threads.into_iter().map(|thread| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        joined.collect()
    });
    for release in fetched {
        let release = release.map_err(HookError::foreign)?;
        let bytes: Vec<_> = release.files.iter().map(|(_, bytes)| bytes.as_ref()).collect();
        inputs.push((release.url_of("InRelease"), digest(&bytes.concat())));
    }
    Ok(inputs)
}

/// Says that the hooks with `baseinstall` in their names depend on nothing beyond the build: what they keep in the cache is
/// found there by what it is made of.
///
/// # Errors
/// None.
pub fn base_install_inputs(_ctx: &HookContext<'_>) -> Result<Vec<(String, String)>, HookError> {
    Ok(Vec::new())
}

/// Unpacks the packages that scripts need, then, when apt is prepared, all that the stages come to.
fn unpack_all(
    ctx: &HookContext<'_>,
    place: Place<'_>,
    archive: &Archive,
    stages: &[Stage<'_>],
    ahead: &Ahead,
    prepare_apt: impl FnOnce() -> Result<(), HookError>,
) -> Result<(), HookError> {
    let bootstrap = bootstrap_set(archive, &[]).map_err(HookError::foreign)?;
    let mut transaction = Transaction::begin(place, archive.arch())
        .map_err(HookError::foreign)?
        .with_ahead(ahead);
    transaction
        .unpack_bootstrap(&bootstrap)
        .map_err(HookError::foreign)?;
    prepare_apt()?;
    let resolution = resolve(place, archive, &bootstrap, stages).map_err(HookError::foreign)?;
    transaction
        .unpack(&resolution.packages)
        .map_err(HookError::foreign)?;
    mark_automatic(place.target, &resolution.automatic, archive.arch())?;
    let outcome = transaction.finish().map_err(HookError::foreign)?;
    let packages = resolution.packages.iter();
    let alone = outcome.unpacked_by_dpkg.iter();
    ctx.unpacked(
        packages
            .map(|package| format!("{}={}", package.name(), package.version()))
            .collect(),
        alone.map(|(name, why)| format!("{name} ({why})")).collect(),
    );
    Ok(())
}

/// Returns the variables of programs in the target: the build's, and those that keep packages from asking.
fn environment(ctx: &HookContext<'_>) -> BTreeMap<String, String> {
    let mut environment = ctx.command_environment();
    environment.extend(noninteractive_environment());
    environment
}

/// Returns the packages of the base system and all others that the plan installs.
fn names<'c>(ctx: &'c HookContext<'_>) -> (Vec<&'c str>, Vec<&'c str>) {
    let installed = ctx
        .packages()
        .iter()
        .filter(|package| package.action == PackageAction::Install);
    let (base, rest): (Vec<_>, Vec<_>) = installed.partition(|package| package.phase == Phase::Root);
    let names = |packages: Vec<&'c dib_core::PlannedPackage>| {
        packages
            .into_iter()
            .map(|package| package.name.as_str())
            .collect()
    };
    (names(base), names(rest))
}

fn write_sources(ctx: &HookContext<'_>, lists: &[SourceList]) -> Result<(), HookError> {
    ctx.create_directory("/etc/apt/sources.list.d")?;
    for list in lists {
        ctx.write(&list.path, &list.text, 0o644)?;
    }
    Ok(())
}

/// `75-…-baseinstall`: configures what [`debootstrap`] has unpacked.
///
/// # Errors
/// When a package's script fails.
pub fn base_install(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let environment = environment(ctx);
    let progress = ShownProgress::of(ctx);
    let place = Place {
        cache: ctx.cache(),
        target: ctx.target(),
        environment: &environment,
        progress: &progress,
    };
    ctx.mount_kernel_file_systems()?;
    reproducible::name_iscsi_initiator(ctx)?;
    locale::answer_beforehand(ctx)?;
    let packages = dib_deb::configure(place).map_err(HookError::foreign)?;
    ctx.configured(packages);
    Ok(())
}

/// Removes apt's lists from the image, which would be out of date soon, and what only the build needed.
///
/// # Errors
/// When something can't be removed.
pub fn clean_up_cache(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.remove(VALID_UNTIL_IGNORED)?;
    // It is about this machine's inodes, and made anew when it is missing.
    ctx.remove("/var/cache/ldconfig/aux-cache")?;
    // The directories are apt's own, and dpkg would miss them.
    for list in ctx.files_below("/var/lib/apt/lists")? {
        ctx.remove(&list)?;
    }
    Ok(())
}
