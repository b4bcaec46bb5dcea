/**
 * Every bound of the store that more than one file needs, with its unit and where it comes from.
 *
 * A *size* is always bytes. Bounds that one file alone uses stand in that file.
 */

import assert from 'node:assert/strict'

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB

/** Plaintext in one frame, the unit of authenticated encryption: what the smallest read opens. */
export const frameSize = 64 * KiB

/** Plaintext in one extent at most: large enough that an fdatasync is cheap beside its bytes. */
export const extentSizeMax = 4 * MiB

/** An extent up to this size shares the committer's segments, and so one fdatasync with others. */
export const sharedExtentSizeMax = 256 * KiB

/** A segment takes no further record once it is this long: the unit that compaction rewrites. */
export const segmentSizeMax = 256 * MiB

/** Entries kept in the object's own record before they move to manifest pages. */
export const inlineExtentCountMax = 16

/** Slices or pages that one manifest page names: 1 GiB of content in some 18 KiB of metadata. */
export const manifestPageEntryCountMax = 256

/** Pages that an object's own record names before there is another level of them: 64 GiB in 1 KiB. */
export const rootPageCountMax = 64

/** R2: UTF-8 bytes of a key. */
export const keySizeMax = 1024

/** R2: bytes of custom metadata, names and values together. */
export const customMetadataSizeMax = 8192

/** S3: bytes of one PUT. */
export const putSizeMax = 5 * GiB

/** S3: bytes of an object, however it was uploaded. */
export const objectSizeMax = 5 * 1024 * GiB

/** S3: parts of one upload, numbered from 1. */
export const partCountMax = 10_000

/** S3: bytes of every part but the last. */
export const partSizeMin = 5 * MiB

/** S3: entries in one page of a listing, keys in one DeleteObjects. */
export const pageCountMax = 1000

assert(extentSizeMax % frameSize === 0)
assert(sharedExtentSizeMax <= extentSizeMax)
assert(segmentSizeMax > extentSizeMax)
