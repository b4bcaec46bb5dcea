/**
 * Why bytes of a file are not what they should be, for every format that begins with a magic, a version and a checksum.
 */

/** `torn`: they end before it does. Where files are appended to, that is expected: a crash cut the last append short. */
export type FormatFault =
  'torn' | 'bad-magic' | 'bad-checksum' | 'unknown-version' | 'invalid-field'
