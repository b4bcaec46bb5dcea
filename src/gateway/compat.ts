/**
 * How close the S3 endpoint keeps to R2.
 *
 * `r2` has R2's semantics, and accepts as well what S3 clients send and R2 refuses. `strict-r2` refuses what R2 refuses, in
 * its words, so that a program can be tested here for production there. docs/s3.md has the table of differences.
 */

export const compatModes = ['r2', 'strict-r2'] as const

export type Compat = (typeof compatModes)[number]
