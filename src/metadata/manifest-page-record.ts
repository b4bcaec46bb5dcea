/**
 * The manifest page record: a run of slices that object records share by reference.
 */

import type { ExtentSlice } from './object-record.ts'

export interface ManifestPageRecord {
  /** Object records that refer to this page. At least 1. */
  references: number
  /** 1 to manifestPageExtentCountMax; their keys are wrapped under the page's key. */
  slices: ExtentSlice[]
}
