// A tree of files with the names that programs and servers get wrong, and how two trees are compared.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'

const fileCount = 200

/** The one file that is not small; more than an extent holds. */
const largeSize = 5 * 1024 * 1024 + 7

const oddNames = [
  'plain.txt',
  'with space',
  ' leading space',
  'trailing space ',
  'two  spaces',
  'plus+plus',
  'a%2Fb',
  '100%',
  '%',
  "it's",
  'say "hi"',
  '.hidden',
  '..two dots',
  'dots...',
  // One letter, spelled both ways that Unicode has; not in one directory, where R2 has them as one key.
  'nfc-\u00e9',
  'nfd-e\u0301',
  '日本語',
  '🙂',
  'a&b=c;d',
  'q?x=1#f',
  'a,b@c:d',
  '$dollar',
  '[brackets]{braces}',
  '(parens)!*',
  '~tilde',
  '-dash',
  '<less>&amp;',
  'pipe|^caret`tick'
]

/** Some 200 files: every odd name as a file and as a directory, every eighth file empty. */
export async function makeTree(path: string): Promise<void> {
  const names = oddNames.map(name => join('files', name))
  for (const [n, name] of oddNames.entries()) {
    names.push(join('directories', name, oddNames[(n * 5 + 3) % oddNames.length] ?? ''))
  }
  for (let n = 0; names.length < fileCount - 1; n++) names.push(`d${n % 7}/sub dir/file ${n}`)

  for (const [n, name] of names.entries()) {
    await mkdir(join(path, dirname(name)), { recursive: true })
    await writeFile(join(path, name), randomBytes(n % 8 === 0 ? 0 : n * 97))
  }
  await writeFile(join(path, 'large.bin'), randomBytes(largeSize))
}

/** Path below the root, to the SHA-256 of what the file holds. */
async function readTree(path: string): Promise<Map<string, string>> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const tree = new Map<string, string>()
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const place = join(entry.parentPath, entry.name)
    tree.set(
      relative(path, place),
      createHash('sha256')
        .update(await readFile(place))
        .digest('hex')
    )
  }
  return new Map([...tree].sort(([a], [b]) => (a < b ? -1 : 1)))
}

export async function assertSameTree(actual: string, expected: string): Promise<void> {
  const wanted = await readTree(expected)
  assert(wanted.size >= fileCount, `The tree has only ${wanted.size} files`)
  assert.deepEqual(await readTree(actual), wanted)
}
