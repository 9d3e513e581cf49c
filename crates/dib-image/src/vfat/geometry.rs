//! How a FAT file system divides its room.
//!
//! Source: Microsoft's "FAT32 File System Specification" 1.03 for the bounds between the kinds and the sizes of clusters.

use super::VfatOptions;

/// How many bits number a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Width {
    Twelve,
    Sixteen,
    ThirtyTwo,
}

/// Where everything lies, in sectors from the begin of the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) width: Width,
    /// In bytes.
    pub(super) sector: u64,
    pub(super) sectors: u64,
    pub(super) sectors_per_cluster: u64,
    /// The sectors before the first table.
    pub(super) reserved: u64,
    /// The sectors of one table.
    pub(super) table: u64,
    /// The sectors of the root directory, which a FAT32 has among its clusters instead.
    pub(super) root: u64,
    /// The number of clusters.
    pub(super) clusters: u64,
}

/// There are always two tables.
pub(super) const TABLES: u64 = 2;
/// How many entries the root directory has room for, but in a FAT32.
pub(super) const ROOT_ENTRIES: u64 = 512;
pub(super) const ENTRY: u64 = 32;
const MIB: u64 = 1 << 20;

impl Width {
    /// Returns the least and the greatest number of clusters: what a FAT is, is told by nothing else.
    const fn bounds(self) -> (u64, u64) {
        match self {
            Self::Twelve => (1, 4084),
            Self::Sixteen => (4085, 65_524),
            Self::ThirtyTwo => (65_525, 0x0fff_fff4),
        }
    }

    pub(super) const fn bits(self) -> u64 {
        match self {
            Self::Twelve => 12,
            Self::Sixteen => 16,
            Self::ThirtyTwo => 32,
        }
    }

    /// Returns the sizes of clusters to try, in bytes.
    ///
    /// For a FAT32 it is Microsoft's for the size of the disk.
    fn cluster_sizes(self, room: u64) -> Vec<u64> {
        match self {
            Self::Twelve => (9..=15).map(|power| 1 << power).collect(),
            // mkfs.fat's usual size first.
            Self::Sixteen => [11, 12, 13, 14, 15, 10, 9].map(|power| 1 << power).into(),
            Self::ThirtyTwo => {
                let size = match room / MIB {
                    0..=260 => 512,
                    261..=8_192 => 4096,
                    8_193..=16_384 => 8192,
                    16_385..=32_768 => 16_384,
                    _ => 32_768,
                };
                vec![size]
            }
        }
    }
}

impl Geometry {
    /// Divides `room` bytes: as a FAT32 where that has enough clusters, for firmware wants one, else as large as can be.
    pub(super) fn of(room: u64, sector: u64, options: &VfatOptions) -> Option<Self> {
        let widths = match options.width {
            Some(width) => vec![width],
            None => vec![Width::ThirtyTwo, Width::Sixteen, Width::Twelve],
        };
        widths.into_iter().find_map(|width| {
            let sizes = match options.sectors_per_cluster {
                Some(sectors) => vec![sectors * sector],
                None => width.cluster_sizes(room),
            };
            let mut sizes = sizes.into_iter().map(|size| size.max(sector) / sector);
            sizes.find_map(|per_cluster| Self::with_clusters(width, room / sector, sector, per_cluster))
        })
    }

    fn with_clusters(width: Width, sectors: u64, sector: u64, sectors_per_cluster: u64) -> Option<Self> {
        let (reserved, root) = match width {
            Width::ThirtyTwo => (32, 0),
            Width::Twelve | Width::Sixteen => (1, (ROOT_ENTRIES * ENTRY).div_ceil(sector)),
        };
        let (least, most) = width.bounds();
        let rest = sectors.checked_sub(reserved + root)?;
        // The tables number the clusters of what the tables leave: the fewest sectors that do are sought by growing.
        let mut table = 1;
        loop {
            let clusters = rest.checked_sub(TABLES * table)? / sectors_per_cluster;
            let needed = ((clusters + 2) * width.bits()).div_ceil(8 * sector);
            if needed <= table {
                let is_within = (least..=most).contains(&clusters) && u32::try_from(sectors).is_ok();
                return is_within.then_some(Self {
                    width,
                    sector,
                    sectors,
                    sectors_per_cluster,
                    reserved,
                    table,
                    root,
                    clusters,
                });
            }
            // Fewer clusters need no larger table, so half of the difference overshoots nothing.
            table += (needed - table).div_ceil(2);
        }
    }

    /// Returns the size of a cluster in bytes.
    pub(super) const fn cluster(&self) -> u64 {
        self.sectors_per_cluster * self.sector
    }

    /// Returns where the root directory of a FAT12 or FAT16 begins, in bytes.
    pub(super) const fn root_offset(&self) -> u64 {
        (self.reserved + TABLES * self.table) * self.sector
    }

    /// Returns where a cluster begins, in bytes. The first one has the number 2.
    pub(super) const fn cluster_offset(&self, cluster: u64) -> u64 {
        self.root_offset() + self.root * self.sector + (cluster - 2) * self.cluster()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mib: u64, sector: u64, width: Width, cluster: u64) {
        let geometry = Geometry::of(mib << 20, sector, &VfatOptions::default()).unwrap();
        assert_eq!(
            (geometry.width, geometry.cluster()),
            (width, cluster),
            "{mib} MiB"
        );
        let end = geometry.cluster_offset(geometry.clusters + 2);
        assert!(
            end <= mib << 20 && end + geometry.cluster() > mib << 20,
            "{geometry:?}"
        );
        let numbered = geometry.table * sector * 8 / geometry.width.bits();
        assert!(numbered >= geometry.clusters + 2, "{geometry:?}");
        assert!(numbered < geometry.clusters + 2 + 3 * sector * 8, "{geometry:?}");
    }

    #[test]
    fn the_room_decides() {
        check(1, 512, Width::Twelve, 512);
        check(8, 512, Width::Sixteen, 1024);
        check(16, 512, Width::Sixteen, 2048);
        check(40, 512, Width::ThirtyTwo, 512);
        check(550, 512, Width::ThirtyTwo, 4096);
        check(500, 4096, Width::ThirtyTwo, 4096);
        check(100, 4096, Width::Sixteen, 4096);
        check(20_000, 512, Width::ThirtyTwo, 16_384);
    }

    #[test]
    fn options_decide_before_it() {
        let options = VfatOptions {
            width: Some(Width::Sixteen),
            sectors_per_cluster: Some(16),
        };
        let geometry = Geometry::of(100 << 20, 512, &options).unwrap();
        assert_eq!((geometry.width, geometry.cluster()), (Width::Sixteen, 8192));
        assert_eq!(Geometry::of(10 << 20, 512, &options), None, "it would be a FAT12");
        assert_eq!(Geometry::of(9000, 512, &VfatOptions::default()), None);
    }
}
