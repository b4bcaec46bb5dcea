// The commands for the master key, as a person uses them: with a daemon and without one.

import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import {
  daemonHome,
  localRequest,
  startDaemon,
  type DaemonProcess
} from '../daemon/daemon-process.ts'
import { r2dAt, type Outcome } from './command-line.ts'

class Workplace {
  readonly home: string
  readonly keyFile: string
  readonly #test: ExecutionContext

  private constructor(test: ExecutionContext, home: string) {
    this.#test = test
    this.home = home
    this.keyFile = join(home, 'master.key')
  }

  static async make(t: ExecutionContext): Promise<Workplace> {
    return new Workplace(t, await daemonHome(t))
  }

  start(environment: Record<string, string> = {}): Promise<DaemonProcess> {
    return startDaemon(this.#test, this.home, environment)
  }

  r2d(
    args: string,
    { input, ...environment }: { input?: string; [name: string]: string | undefined } = {}
  ): Promise<Outcome> {
    const given = Object.fromEntries(
      Object.entries(environment).filter(
        (entry): entry is [string, string] => entry[1] !== undefined
      )
    )
    const options = { environment: given, ...(input === undefined ? {} : { input }) }
    return r2dAt(this.home, args.split(' '), options)
  }
}

const put = (daemon: DaemonProcess, path: string, body?: Buffer) =>
  localRequest(daemon.status.sockets[0] ?? '', 'PUT', path, body)

test('a passphrase is set while the store is served, changed and removed without a daemon', async t => {
  const place = await Workplace.make(t)
  const [first, second] = [randomBytes(12).toString('hex'), randomBytes(12).toString('hex')]
  const daemon = await place.start()
  t.is((await place.r2d('key passphrase change', { input: 'x\n' })).code, 2)
  const set = await place.r2d('key passphrase set', { input: `${first}\n` })
  t.is(set.code, 0, set.stderr)
  t.regex(await readFile(place.keyFile, 'utf8'), /^r2d-master-key-argon2id-1:/)
  t.is((await stat(place.keyFile)).mode & 0o777, 0o600)
  // The daemon knows it from now on.
  const rotate = await place.r2d('key rotate')
  t.is(rotate.code, 0, rotate.stderr)
  const status = await daemon.client().key()
  t.true(status.isUnderPassphrase)
  await daemon.stop()
  t.false(daemon.stderr().includes(first))

  t.is((await place.r2d('key status')).code, 10)
  const wrong = await place.r2d('key passphrase change', {
    R2D_PASSPHRASE: 'wrong',
    R2D_NEW_PASSPHRASE: second
  })
  t.is(wrong.code, 10)
  t.false(`${wrong.stdout}${wrong.stderr}`.includes(second))
  const changed = await place.r2d('key passphrase change', {
    R2D_PASSPHRASE: first,
    R2D_NEW_PASSPHRASE: second
  })
  t.is(changed.code, 0, changed.stderr)
  t.is((await place.r2d('key status', { R2D_PASSPHRASE: first })).code, 10)
  const removed = await place.r2d('key passphrase remove --json', { R2D_PASSPHRASE: second })
  t.is(removed.code, 0, removed.stderr)
  t.false((JSON.parse(removed.stdout) as { isUnderPassphrase: boolean }).isUnderPassphrase)
  const again = await place.start()
  t.is((await again.client().key()).keyId, status.keyId)
  await again.stop()
})

test('a recovery sheet gives the key back when the key file is gone, and names what was mistyped', async t => {
  const place = await Workplace.make(t)
  let daemon = await place.start()
  await put(daemon, '/bucket')
  await put(daemon, '/bucket/k', Buffer.from('kept'))
  const paper = join(place.home, 'sheet.txt')
  const exported = await place.r2d(`key export --output ${paper}`)
  t.is(exported.code, 0, exported.stderr)
  t.is((await stat(paper)).mode & 0o777, 0o600)
  t.is((await place.r2d(`key export --output ${paper}`)).code, 2)
  const sheet = await readFile(paper, 'utf8')
  const groups = [...sheet.matchAll(/\d{1,2} {2}([0-9A-Z]{5})\b/g)].map(match => match[1] ?? '')
  t.is(groups.length, 14)
  t.is((await place.r2d(`key verify ${paper}`)).code, 0)
  await daemon.stop()

  t.is((await place.r2d('key verify', { input: groups.join(' ').toLowerCase() })).code, 0)
  const refused = await place.r2d(`key import ${paper}`)
  t.is(refused.code, 2, 'the file that is there stays')
  await rename(place.keyFile, join(place.home, 'lost'))
  const mistyped = groups.with(4, 'ZZZZZ').with(11, 'ZZZZZ').join(' ')
  const named = await place.r2d('key import -', { input: mistyped })
  t.is(named.code, 8)
  t.regex(named.stderr, /group 5, 12\b/)
  t.false(groups.some(group => named.stderr.includes(group)))

  const imported = await place.r2d('key import - --passphrase', {
    input: groups.join('\n'),
    R2D_NEW_PASSPHRASE: 'correct horse'
  })
  t.is(imported.code, 0, imported.stderr)
  daemon = await place.start({ R2D_PASSPHRASE: 'correct horse' })
  const { body } = await localRequest(daemon.status.sockets[0] ?? '', 'GET', '/bucket/k')
  t.is(body.toString(), 'kept')

  await daemon.client().rotateKey()
  const again = await place.r2d('key rotate')
  t.is(again.code, 0, again.stderr)
  const old = await place.r2d(`key verify ${paper}`)
  t.is(old.code, 10)
  t.regex(old.stderr, /reads right, and is of key/)
  t.is((await place.r2d('key export')).code, 10, 'without the passphrase nothing is printed')
  await daemon.stop()
})

test('a sheet is verified and taken back where there is no store yet, and a sheet of another store is refused', async t => {
  const [place, other] = [await Workplace.make(t), await Workplace.make(t)]
  for (const { start } of [place, other].map(each => ({ start: () => each.start() }))) {
    await (await start()).stop()
  }
  const { stdout: sheet } = await other.r2d('key export')
  const refused = await place.r2d('key verify', { input: sheet })
  t.is(refused.code, 10)
  await rm(place.keyFile)
  t.is((await place.r2d('key import', { input: sheet })).code, 10)
  await t.throwsAsync(stat(place.keyFile), { code: 'ENOENT' })

  const empty = await Workplace.make(t)
  t.is((await empty.r2d('key verify', { input: sheet })).code, 0)
  t.is((await empty.r2d('key import', { input: sheet })).code, 0)
  t.is(await readFile(empty.keyFile, 'utf8'), await readFile(other.keyFile, 'utf8'))
  await writeFile(empty.keyFile, 'not a key')
  t.is((await empty.r2d('key export')).code, 10)
})
