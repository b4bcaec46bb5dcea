/**
 * The volume record: a place for extents that belongs to this store. Keyed by the volume's number.
 */

export interface VolumeRecord {
  /** 16 bytes: what its superblock must say. */
  id: Buffer
  /** Absolute path of the directory. */
  path: string
  location: string
  /** Volumes of one domain are expected to fail together; empty means: those on one device. */
  failureDomain: string
}
