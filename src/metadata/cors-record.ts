/**
 * The CORS record: which pages of other origins a browser may let at a bucket, and how.
 *
 * A row of its own, because every write to the bucket reads the bucket's row, and only requests with an Origin need this.
 */

import { RowReader, RowWriter } from './row-codec.ts'

export const corsMethods = ['GET', 'PUT', 'POST', 'DELETE', 'HEAD'] as const

export type CorsMethod = (typeof corsMethods)[number]

export interface CorsRule {
  /** Empty: none. */
  id: string
  /** At least one; `scheme://host[:port]` with at most one `*`, or `*`. */
  allowedOrigins: string[]
  /** At least one. */
  allowedMethods: CorsMethod[]
  /** Header names with at most one `*`, as the client wrote them. */
  allowedHeaders: string[]
  exposeHeaders: string[]
  /** Seconds that a browser may keep the answer to a preflight. */
  maxAge: number | undefined
}

export function encodeCorsRecord(rules: readonly CorsRule[]): Buffer {
  const row = new RowWriter('cors', 1)
  row.unsigned(rules.length)
  for (const rule of rules) {
    row.text(rule.id)
    writeTexts(row, rule.allowedOrigins)
    row.unsigned(rule.allowedMethods.length)
    for (const method of rule.allowedMethods) row.byte(corsMethods.indexOf(method))
    writeTexts(row, rule.allowedHeaders)
    writeTexts(row, rule.exposeHeaders)
    // One more than the seconds, so that zero is "not given".
    row.unsigned(rule.maxAge === undefined ? 0 : rule.maxAge + 1)
  }
  return row.finish()
}

export function decodeCorsRecord(bytes: Buffer): CorsRule[] {
  const row = new RowReader('cors', 1, bytes)
  const rules: CorsRule[] = []
  for (let left = row.count(6); left > 0; left--) {
    const rule = {
      id: row.text(),
      allowedOrigins: readTexts(row),
      allowedMethods: readMethods(row),
      allowedHeaders: readTexts(row),
      exposeHeaders: readTexts(row)
    }
    const maxAge = row.unsigned()
    rules.push({ ...rule, maxAge: maxAge === 0 ? undefined : maxAge - 1 })
  }
  row.finish()
  return rules
}

function readMethods(row: RowReader): CorsMethod[] {
  const methods: CorsMethod[] = []
  for (let left = row.count(1); left > 0; left--) {
    const method = corsMethods[row.byte()]
    if (method === undefined) throw row.corrupt('a method is unknown')
    methods.push(method)
  }
  return methods
}

function writeTexts(row: RowWriter, texts: readonly string[]): void {
  row.unsigned(texts.length)
  for (const text of texts) row.text(text)
}

function readTexts(row: RowReader): string[] {
  const texts: string[] = []
  for (let left = row.count(1); left > 0; left--) texts.push(row.text())
  return texts
}
