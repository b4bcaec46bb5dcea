/**
 * Errors that a caller is expected to handle.
 *
 * A bug is an assertion and stops the process. Bytes that do not parse are returned as a fault by
 * their decoder. Everything in between, what a client, a disk or a race may cause, is an `R2dError`
 * with a stable code, and is translated at the edges only: to S3 in gateway/s3/s3-error.ts, to an exit
 * code in commands/.
 */

export type ErrorCode =
  // What a client asked for does not fit the store's state.
  | 'R2D_NO_SUCH_BUCKET'
  | 'R2D_BUCKET_EXISTS'
  | 'R2D_BUCKET_NOT_EMPTY'
  | 'R2D_NO_SUCH_KEY'
  | 'R2D_NO_SUCH_UPLOAD'
  | 'R2D_INVALID_PART'
  | 'R2D_INVALID_RANGE'
  | 'R2D_BAD_DIGEST'
  | 'R2D_PART_TOO_SMALL'
  | 'R2D_PRECONDITION_FAILED'
  | 'R2D_TOO_MANY_WRITES'
  | 'R2D_CUSTOMER_KEY_MISSING'
  | 'R2D_CUSTOMER_KEY_UNEXPECTED'
  | 'R2D_CUSTOMER_KEY_WRONG'
  // What a client sent is not acceptable.
  | 'R2D_INVALID_BUCKET_NAME'
  | 'R2D_INVALID_KEY'
  | 'R2D_INVALID_LOCATION'
  | 'R2D_METADATA_TOO_LARGE'
  | 'R2D_OBJECT_TOO_LARGE'
  // What an operator asked for does not fit the volumes.
  | 'R2D_NO_SUCH_VOLUME'
  | 'R2D_VOLUME_EXISTS'
  | 'R2D_VOLUME_IN_USE'
  | 'R2D_TOO_FEW_VOLUMES'
  // The store cannot do it now.
  | 'R2D_CONFLICT'
  | 'R2D_UNAVAILABLE'
  | 'R2D_UNREACHABLE'
  | 'R2D_FORBIDDEN'
  | 'R2D_INTEGRITY'
  | 'R2D_STORE_FULL'
  | 'R2D_EXTENT_UNREADABLE'
  // The store cannot start.
  | 'R2D_LOCKED'
  | 'R2D_WRONG_MASTER_KEY'
  | 'R2D_NO_MASTER_KEY'
  | 'R2D_FOREIGN_VOLUME'
  | 'R2D_CORRUPT_RECORD'
  | 'R2D_UNSUPPORTED_FORMAT'
  | 'R2D_INVALID_CONFIG'

export interface ErrorDetail {
  cause?: unknown
  /** What the person reading the message should do next: one sentence. */
  hint?: string
}

export class R2dError extends Error {
  override name = 'R2dError' as const
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, { cause, hint }: ErrorDetail = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.hint = hint
  }
}
