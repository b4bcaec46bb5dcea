/**
 * S3's errors, and the one place where an error of the store becomes one of them.
 *
 * Codes, statuses and messages are R2's where it is known to have its own, S3's otherwise.
 *
 * https://developers.cloudflare.com/r2/api/error-codes/
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */

import { AssertionError } from 'node:assert'
import { R2dError, type ErrorCode } from '../../errors.ts'

const codes = {
  AccessDenied: [403, 'Access Denied'],
  AccessForbidden: [403, 'Access Forbidden'],
  BadDigest: [400, 'The checksum you specified did not match what we received.'],
  BadRequest: [400, 'Bad Request'],
  BucketAlreadyOwnedByYou: [
    409,
    'Your previous request to create the named bucket succeeded and you already own it.'
  ],
  BucketNotEmpty: [409, 'The bucket you tried to delete is not empty.'],
  ClientDisconnect: [400, 'The client disconnected before the request was complete.'],
  EntityTooLarge: [400, 'Your proposed upload exceeds the maximum allowed object size.'],
  EntityTooSmall: [400, 'Your proposed upload is smaller than the minimum allowed object size.'],
  ExpectationFailed: [417, 'The only expectation that can be met is 100-continue.'],
  ExpiredRequest: [403, 'Request has expired'],
  HttpVersionNotSupported: [505, 'The versions of HTTP that are spoken here are 1.1 and 1.0.'],
  IncompleteBody: [
    400,
    'You did not provide the number of bytes specified by the Content-Length HTTP header.'
  ],
  InsufficientStorage: [507, 'There is not enough space to complete the request.'],
  InternalError: [500, 'We encountered an internal error. Please try again.'],
  InvalidArgument: [400, 'Invalid Argument'],
  InvalidBucketName: [400, 'The specified bucket is not valid.'],
  InvalidDigest: [400, 'The checksum or Content-MD5 you specified is not valid.'],
  InvalidEncryptionAlgorithmError: [
    400,
    'The encryption request that you specified is not valid. The valid value is AES256.'
  ],
  InvalidLocationConstraint: [400, 'The specified location constraint is not valid.'],
  InvalidMaxKeys: [400, 'MaxKeys params must be positive integer <= 1000.'],
  InvalidObjectName: [400, 'The specified object name is not valid.'],
  InvalidPart: [400, 'One or more of the specified parts could not be found.'],
  InvalidPartNumber: [416, 'The requested partnumber is not satisfiable'],
  InvalidRange: [416, 'The requested range is not satisfiable'],
  InvalidRegionName: [400, 'The region name is not valid.'],
  InvalidRequest: [400, 'Invalid Request'],
  InvalidStorageClass: [400, 'The storage class specified is not valid.'],
  InvalidTag: [400, 'The tag provided was not a valid tag.'],
  InvalidURI: [400, "Couldn't parse the specified URI."],
  MalformedXML: [
    400,
    'The XML you provided was not well formed or did not validate against our published schema.'
  ],
  MetadataTooLarge: [400, 'Your metadata headers exceed the maximum allowed metadata size.'],
  MissingContentLength: [411, 'You must provide the Content-Length HTTP header.'],
  NoSuchLifecycleConfiguration: [404, 'The lifecycle configuration does not exist.'],
  NoSuchCORSConfiguration: [404, 'The CORS configuration does not exist.'],
  NoSuchBucket: [404, 'The specified bucket does not exist.'],
  NoSuchKey: [404, 'The specified key does not exist.'],
  NoSuchUpload: [404, 'The specified multipart upload does not exist.'],
  NoSuchTagSet: [404, 'The TagSet does not exist.'],
  NotImplemented: [501, 'Not implemented'],
  ObjectLockConfigurationNotFoundError: [
    404,
    'Object Lock configuration does not exist for this bucket.'
  ],
  PreconditionFailed: [412, 'At least one of the pre-conditions you specified did not hold.'],
  ReplicationConfigurationNotFoundError: [404, 'The replication configuration was not found.'],
  RequestTimeout: [
    400,
    'Your socket connection to the server was not read from or written to within the timeout period.'
  ],
  RequestTimeTooSkewed: [
    403,
    "The difference between the request time and the server's time is too large."
  ],
  RouteNotFound: [404, 'No route matches this url.'],
  ServiceUnavailable: [503, 'Reduce your request rate or try again.'],
  SignatureDoesNotMatch: [
    403,
    'The request signature we calculated does not match the signature you provided. Check your secret access key and signing method.'
  ],
  TooManyRequests: [429, 'Reduce your concurrent request rate for the same object.'],
  Unauthorized: [401, 'Unauthorized'],
  XAmzContentSHA256Mismatch: [
    400,
    "The provided 'x-amz-content-sha256' header does not match what was computed."
  ]
} as const satisfies Record<string, readonly [status: number, message: string]>

export type S3ErrorCode = keyof typeof codes

export class S3Error extends Error {
  override name = 'S3Error' as const
  readonly code: S3ErrorCode
  readonly status: number
  /** Elements behind Code and Message, in order. */
  readonly detail: readonly (readonly [name: string, value: string])[]

  constructor(
    code: S3ErrorCode,
    message?: string,
    {
      cause,
      detail = []
    }: { cause?: unknown; detail?: readonly (readonly [string, string])[] } = {}
  ) {
    super(message ?? codes[code][1], cause === undefined ? undefined : { cause })
    this.code = code
    this.status = codes[code][0]
    this.detail = detail
  }
}

export function notImplemented(what: string): S3Error {
  return new S3Error('NotImplemented', `${what} not implemented`)
}

type Translation = S3ErrorCode | { code: S3ErrorCode; hasReason: true }

/** What a client is told; `hasReason` passes the store's own words on. What is ours alone is InternalError. */
const translations: Record<ErrorCode, Translation> = {
  R2D_NO_SUCH_BUCKET: 'NoSuchBucket',
  R2D_BUCKET_EXISTS: 'BucketAlreadyOwnedByYou',
  R2D_BUCKET_NOT_EMPTY: 'BucketNotEmpty',
  R2D_NO_SUCH_KEY: 'NoSuchKey',
  R2D_NO_SUCH_UPLOAD: 'NoSuchUpload',
  R2D_INVALID_PART: { code: 'InvalidPart', hasReason: true },
  R2D_PART_TOO_SMALL: 'EntityTooSmall',
  R2D_INVALID_RANGE: 'InvalidRange',
  R2D_BAD_DIGEST: { code: 'BadDigest', hasReason: true },
  R2D_PRECONDITION_FAILED: 'PreconditionFailed',
  R2D_TOO_MANY_WRITES: 'TooManyRequests',
  R2D_CUSTOMER_KEY_MISSING: { code: 'InvalidRequest', hasReason: true },
  R2D_CUSTOMER_KEY_UNEXPECTED: { code: 'InvalidRequest', hasReason: true },
  R2D_CUSTOMER_KEY_WRONG: 'AccessDenied',
  R2D_INVALID_BUCKET_NAME: 'InvalidBucketName',
  R2D_INVALID_KEY: 'InvalidObjectName',
  R2D_INVALID_LOCATION: { code: 'InvalidLocationConstraint', hasReason: true },
  R2D_METADATA_TOO_LARGE: 'MetadataTooLarge',
  R2D_OBJECT_TOO_LARGE: 'EntityTooLarge',
  R2D_NO_SUCH_VOLUME: 'InternalError',
  R2D_VOLUME_EXISTS: 'InternalError',
  R2D_VOLUME_IN_USE: 'InternalError',
  R2D_TOO_FEW_VOLUMES: 'InternalError',
  R2D_STORE_FULL: { code: 'InsufficientStorage', hasReason: true },
  R2D_CONFLICT: { code: 'ServiceUnavailable', hasReason: true },
  R2D_UNAVAILABLE: { code: 'ServiceUnavailable', hasReason: true },
  R2D_EXTENT_UNREADABLE: 'InternalError',
  R2D_CORRUPT_RECORD: 'InternalError',
  R2D_UNSUPPORTED_FORMAT: 'InternalError',
  R2D_LOCKED: 'InternalError',
  R2D_WRONG_MASTER_KEY: 'InternalError',
  R2D_NO_MASTER_KEY: 'InternalError',
  R2D_FOREIGN_VOLUME: 'InternalError',
  R2D_INVALID_CONFIG: 'InternalError',
  R2D_UNREACHABLE: 'InternalError',
  R2D_FORBIDDEN: 'InternalError',
  R2D_INTEGRITY: 'InternalError'
}

/** Every failure has an S3 code; one that is not the store's is ours: InternalError. */
export function toS3Error(error: unknown): S3Error {
  // A failed assertion is a bug, not an answer: it goes on to stop the process.
  if (error instanceof AssertionError) throw error
  if (error instanceof S3Error) return error
  if (!(error instanceof R2dError)) return new S3Error('InternalError', undefined, { cause: error })

  const translation = translations[error.code]
  return typeof translation === 'string'
    ? new S3Error(translation, undefined, { cause: error })
    : new S3Error(translation.code, error.message, { cause: error })
}
