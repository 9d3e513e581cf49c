//! What a VMDK begins with: header and descriptor.

use super::{GRAIN_SECTORS, GRAINS_PER_TABLE, SECTOR, VmdkAdapter, VmdkLayout, VmdkOptions};

/// The room for the descriptor, in sectors.
const DESCRIPTOR_SECTORS: u64 = 20;
/// What header and descriptor take, in sectors.
pub(super) const SECTORS: u64 = 1 + DESCRIPTOR_SECTORS;
/// The header's flags: line ends are there to be checked, and a second directory is.
const CHECKED: u32 = 1 << 0;
const SECOND_DIRECTORY: u32 = 1 << 1;
/// Grains are compressed, and markers stand before grains and tables.
const COMPRESSED: u32 = 1 << 16;
const MARKERS: u32 = 1 << 17;

/// How a disk is divided; lengths in sectors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    pub(super) capacity: u64,
    pub(super) tables: u64,
}

impl Geometry {
    /// Divides a disk of so many bytes.
    pub(super) fn new(size: u64) -> Self {
        let capacity = size / SECTOR;
        let tables = capacity.div_ceil(GRAIN_SECTORS).div_ceil(GRAINS_PER_TABLE);
        Self { capacity, tables }
    }

    pub(super) fn directory_sectors(&self) -> u64 {
        (self.tables * 4).div_ceil(SECTOR)
    }
}

/// The header; offsets are in sectors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) flags: u32,
    pub(super) capacity: u64,
    pub(super) redundant_directory: u64,
    pub(super) directory: u64,
    /// What stands before the first grain.
    pub(super) overhead: u64,
    /// 1 is deflate.
    pub(super) compression: u16,
}

impl Header {
    pub(super) fn of(options: VmdkOptions, geometry: &Geometry) -> Self {
        let (version, flags, compression) = match options.layout {
            VmdkLayout::MonolithicSparse => (1, CHECKED | SECOND_DIRECTORY, 0),
            VmdkLayout::StreamOptimized => (3, CHECKED | COMPRESSED | MARKERS, 1),
        };
        Self {
            version,
            flags,
            capacity: geometry.capacity,
            redundant_directory: 0,
            directory: 0,
            overhead: 0,
            compression,
        }
    }

    /// Returns it as the sector that it is.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"KDMV".to_vec();
        bytes.extend([self.version, self.flags].map(u32::to_le_bytes).concat());
        bytes.extend(
            [self.capacity, GRAIN_SECTORS, 1, DESCRIPTOR_SECTORS]
                .map(u64::to_le_bytes)
                .concat(),
        );
        bytes.extend([0, 2, 0, 0]);
        let offsets = [self.redundant_directory, self.directory, self.overhead];
        bytes.extend(offsets.map(u64::to_le_bytes).concat());
        // It was closed in order; then the line ends, which show a transfer as text.
        bytes.extend(b"\0\n \r\n");
        bytes.extend(self.compression.to_le_bytes());
        bytes.resize(512, 0);
        bytes
    }
}

/// Returns the descriptor; `content` tells one disk from another.
pub(super) fn descriptor(options: VmdkOptions, geometry: &Geometry, name: &str, content: u32) -> String {
    let kind = match options.layout {
        VmdkLayout::MonolithicSparse => "monolithicSparse",
        VmdkLayout::StreamOptimized => "streamOptimized",
    };
    let (adapter, heads) = match options.adapter {
        VmdkAdapter::Ide => ("ide", 16),
        VmdkAdapter::BusLogic => ("buslogic", 255),
        VmdkAdapter::LsiLogic => ("lsilogic", 255),
    };
    // Two numbers mean that there is none.
    let content = content.min(u32::MAX - 2);
    let (capacity, cylinders) = (geometry.capacity, geometry.capacity.div_ceil(heads * 63));
    let version = options.hardware_version;
    // A name that would end its line or its quotes is of no use to anybody.
    let name: String = name
        .chars()
        .filter(|letter| !letter.is_control() && *letter != '"')
        .collect();
    format!(
        "# Disk DescriptorFile\n\
         version=1\n\
         CID={content:08x}\n\
         parentCID=ffffffff\n\
         createType=\"{kind}\"\n\
         \n\
         # Extent description\n\
         RW {capacity} SPARSE \"{name}\"\n\
         \n\
         # The Disk Data Base\n\
         #DDB\n\
         \n\
         ddb.virtualHWVersion = \"{version}\"\n\
         ddb.geometry.cylinders = \"{cylinders}\"\n\
         ddb.geometry.heads = \"{heads}\"\n\
         ddb.geometry.sectors = \"63\"\n\
         ddb.adapterType = \"{adapter}\"\n"
    )
}
