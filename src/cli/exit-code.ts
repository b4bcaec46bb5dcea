/**
 * Exit codes of the commands. Any other code is a failure, too.
 *
 * 0 done, 1 some of it failed, 2 usage, and what follows.
 */

import type { ErrorCode } from '../errors.ts'

export function exitCodeOf(code: ErrorCode): number {
  switch (code) {
    case 'R2D_INVALID_BUCKET_NAME':
    case 'R2D_INVALID_KEY':
    case 'R2D_INVALID_LOCATION':
    case 'R2D_INVALID_CONFIG':
    case 'R2D_METADATA_TOO_LARGE':
    case 'R2D_INVALID_PART':
    case 'R2D_INVALID_RANGE':
    case 'R2D_PART_TOO_SMALL':
    case 'R2D_CUSTOMER_KEY_MISSING':
    case 'R2D_CUSTOMER_KEY_UNEXPECTED':
    case 'R2D_OBJECT_TOO_LARGE':
      return 2
    case 'R2D_NO_SUCH_BUCKET':
    case 'R2D_NO_SUCH_KEY':
    case 'R2D_NO_SUCH_UPLOAD':
    case 'R2D_NO_SUCH_VOLUME':
      return 4
    case 'R2D_BUCKET_EXISTS':
    case 'R2D_BUCKET_NOT_EMPTY':
    case 'R2D_PRECONDITION_FAILED':
    case 'R2D_VOLUME_EXISTS':
    case 'R2D_VOLUME_IN_USE':
    case 'R2D_TOO_FEW_VOLUMES':
      return 5
    case 'R2D_FORBIDDEN':
    case 'R2D_CUSTOMER_KEY_WRONG':
      return 6
    case 'R2D_UNREACHABLE':
      return 7
    case 'R2D_EXTENT_UNREADABLE':
    case 'R2D_CORRUPT_RECORD':
    case 'R2D_INTEGRITY':
    case 'R2D_BAD_DIGEST':
      return 8
    case 'R2D_STORE_FULL':
      return 9
    case 'R2D_LOCKED':
    case 'R2D_WRONG_MASTER_KEY':
    case 'R2D_NO_MASTER_KEY':
    case 'R2D_FOREIGN_VOLUME':
    case 'R2D_UNSUPPORTED_FORMAT':
      return 10
    case 'R2D_CONFLICT':
    case 'R2D_TOO_MANY_WRITES':
    case 'R2D_UNAVAILABLE':
      return 75
  }
}

/** Of a daemon that ended with this code before it served: what its start fails with, so that the code is the same. */
export function errorCodeOf(exitCode: number): ErrorCode {
  const codes: Record<number, ErrorCode> = {
    2: 'R2D_INVALID_CONFIG',
    6: 'R2D_FORBIDDEN',
    8: 'R2D_CORRUPT_RECORD',
    9: 'R2D_STORE_FULL',
    10: 'R2D_LOCKED',
    75: 'R2D_UNAVAILABLE'
  }
  return codes[exitCode] ?? 'R2D_UNREACHABLE'
}
