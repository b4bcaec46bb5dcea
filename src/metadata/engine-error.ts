/**
 * What an embedded engine's binding throws, as the store's errors.
 */

import { R2dError } from '../errors.ts'

/** An engine that does not open: mostly because another process has it open. */
export function toOpenError(error: unknown, path: string): R2dError {
  const text = messagesOf(error)
  if (/while lock file|lock .* already held|LEVEL_LOCKED/i.test(text)) {
    return new R2dError('R2D_LOCKED', `Another process has the metadata at ${path} open`, {
      cause: error,
      hint: 'A daemon is running on this home directory: see r2d daemon status'
    })
  }

  return toEngineError(error, `The metadata at ${path} cannot be opened`)
}

/** An operation that failed for a reason that is the disk's. */
export function toEngineError(error: unknown, what: string): R2dError {
  const text = messagesOf(error)
  if (/no space|ENOSPC/i.test(text)) {
    return new R2dError('R2D_STORE_FULL', `${what}: no space is left on its disk`, {
      cause: error,
      hint: 'Free space on the disk of the metadata directory'
    })
  }
  if (/corrupt|checksum/i.test(text)) {
    return new R2dError('R2D_CORRUPT_RECORD', `${what}: it is corrupt`, { cause: error })
  }

  return new R2dError('R2D_UNAVAILABLE', `${what}: ${text}`, { cause: error })
}

function messagesOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? String(error.code) : ''

  return [code, error.message, error.cause === undefined ? '' : messagesOf(error.cause)]
    .join(' ')
    .trim()
}
