//! Sources that must not delete, targets that lead elsewhere, files that change, disks that are full.
