// The master key: what is read is what was made, and everything else is refused without saying what it was.

import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { newKey } from '../../src/crypto/key-wrap.ts'
import {
  createMasterKeyFile,
  formatMasterKey,
  parseMasterKey,
  readMasterKeyFile,
  sealMasterKey
} from '../../src/crypto/master-key.ts'
import { R2dError } from '../../src/errors.ts'

const cheap = { operations: 1, memoryKiB: 8 }

async function directory(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'r2d-key-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

function codeOf(t: ExecutionContext, run: () => unknown): string {
  return t.throws(run, { instanceOf: R2dError }).code
}

test('a master key is one line of text and back', t => {
  const key = newKey()

  t.true(parseMasterKey(formatMasterKey(key)).equals(key))
  t.is(
    formatMasterKey(Buffer.alloc(32, 1)),
    'r2d-master-key-1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQFyzW6E\n'
  )
})

test('a line with a character changed, missing or more is not a master key', t => {
  const text = formatMasterKey(newKey()).trim()
  const swapped = text.endsWith('A') ? `${text.slice(0, -1)}B` : `${text.slice(0, -1)}A`

  for (const wrong of [
    swapped,
    text.slice(0, -1),
    `${text}A`,
    text.replace('-1:', '-2:'),
    '',
    'x:y'
  ]) {
    t.is(
      codeOf(t, () => parseMasterKey(wrong)),
      'R2D_NO_MASTER_KEY'
    )
  }
})

test('a passphrase opens what was sealed under it, and another one does not', t => {
  const key = newKey()
  const text = sealMasterKey(key, 'correct horse', cheap)

  t.true(parseMasterKey(text, 'correct horse').equals(key))
  t.is(
    codeOf(t, () => parseMasterKey(text, 'wrong horse')),
    'R2D_WRONG_MASTER_KEY'
  )
  t.is(
    codeOf(t, () => parseMasterKey(text)),
    'R2D_NO_MASTER_KEY'
  )
})

test('a file that asks for more memory than a machine has is refused before it is tried', t => {
  const text = sealMasterKey(newKey(), 'p', cheap).replace(':1:8:', ':1:99999999999:')

  t.is(
    codeOf(t, () => parseMasterKey(text, 'p')),
    'R2D_NO_MASTER_KEY'
  )
})

test('a key file is made once, for its owner alone', async t => {
  const path = join(await directory(t), 'deep', 'master.key')

  const key = await createMasterKeyFile(path)

  t.is((await stat(path)).mode & 0o777, 0o600)
  t.deepEqual(await readMasterKeyFile(path), [key])
  const before = await readFile(path, 'utf8')
  await t.throwsAsync(createMasterKeyFile(path), { code: 'EEXIST' })
  t.is(await readFile(path, 'utf8'), before)
})

test('a key file that others can read is refused, with the way to mend it', async t => {
  const path = join(await directory(t), 'master.key')
  await writeFile(path, formatMasterKey(newKey()))
  await chmod(path, 0o640)

  const error = await t.throwsAsync(readMasterKeyFile(path), { instanceOf: R2dError })

  t.is(error.code, 'R2D_NO_MASTER_KEY')
  t.regex(error.hint ?? '', /chmod 600/)
})

test('no refusal repeats any of what it was given', t => {
  const text = formatMasterKey(newKey()).trim().slice(0, -1)
  const secret = text.split(':')[1] ?? ''

  const error = t.throws(() => parseMasterKey(text), { instanceOf: R2dError })

  t.false(`${error.message}${error.hint ?? ''}${error.stack ?? ''}`.includes(secret.slice(0, 8)))
})
