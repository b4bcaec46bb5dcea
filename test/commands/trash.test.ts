// Trash and undo on the command line, against a daemon in another process, which is killed in between.

import test, { type ExecutionContext } from 'ava'
import {
  DaemonProcess,
  localRequest,
  makeDaemonHome,
  removeHome
} from '../daemon/daemon-process.ts'
import { r2dAt, type Outcome } from './command-line.ts'

let daemon: DaemonProcess
let number = 0

test.before(async () => {
  daemon = await DaemonProcess.start(await makeDaemonHome())
})

test.after.always(async () => {
  await daemon.stop()
  await removeHome(daemon.home)
})

const run = (...args: string[]): Promise<Outcome> => r2dAt(daemon.home, args)

async function ok(t: ExecutionContext, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args)
  t.is(code, 0, stderr)
  return stdout
}

const ask = (method: string, path: string, body?: string) =>
  localRequest(
    daemon.status.sockets[number++ % daemon.status.sockets.length] ?? '',
    method,
    path,
    body === undefined ? undefined : Buffer.from(body)
  )

async function makeBucket(t: ExecutionContext, name: string): Promise<void> {
  await ok(t, 'bucket', 'create', name)
  await ok(t, 'bucket', 'trash', 'set', name, '--keep', '7d')
  for (const key of ['a/1', 'a/2', 'b/1']) await ask('PUT', `/${name}/${key}`, `first ${key}`)
}

test.serial(
  'what was deleted, overwritten and added is put back as it was, also after a kill',
  async t => {
    await makeBucket(t, 'photos')
    const moment = new Date().toISOString()
    await ask('DELETE', '/photos/a/1')
    await ask('PUT', '/photos/a/2', 'second a/2')
    await ask('PUT', '/photos/a/3', 'new')
    await ask('DELETE', '/photos/b/1')
    const info = JSON.parse(await ok(t, 'bucket', 'info', 'photos', '--json')) as { trash: object }
    t.deepEqual(info.trash, { objects: 3, bytes: 27 })

    const dry = await run('undo', 'r2://photos/a/', '--since', moment, '--dry-run')
    t.is(dry.code, 0, dry.stderr)
    t.regex(dry.stderr, /at most 2 objects come back, and 2 go to the trash/)
    t.is((await ask('GET', '/photos/a/3')).status, 200)
    t.is((await run('undo', 'r2://photos/a/', '--since', moment)).code, 2, 'Nobody was asked')

    await daemon.kill()
    daemon = await DaemonProcess.start(daemon.home)
    const done = await ok(t, 'undo', 'r2://photos/a/', '--since', moment, '--yes', '--json')
    t.like(JSON.parse(done), { restored: 2, removed: 1 })
    t.is((await ask('GET', '/photos/a/1')).body.toString(), 'first a/1')
    t.is((await ask('GET', '/photos/a/2')).body.toString(), 'first a/2')
    t.is((await ask('GET', '/photos/a/3')).status, 404)
    t.is((await ask('GET', '/photos/b/1')).status, 404, 'What is not under the prefix stays')
    t.is((await run('undo', 'photos', '--since', '2h', '--yes')).code, 5, 'It was not kept then')
    t.is((await run('undo', 'photos', '--since', 'soon', '--yes')).code, 2)
  }
)

test.serial(
  'the trash is listed, restored from by id, and emptied; then the bucket can go',
  async t => {
    await makeBucket(t, 'notes')
    await ask('PUT', '/notes/a/1', 'second')
    await ask('DELETE', '/notes/a/1')
    const entries = JSON.parse(await ok(t, 'trash', 'ls', 'r2://notes/a/', '--json')) as {
      id: string
      key: string
      cause: string
    }[]
    t.deepEqual(
      entries.map(({ key, cause }) => [key, cause]),
      [
        ['a/1', 'replaced'],
        ['a/1', 'deleted']
      ]
    )
    t.regex(await ok(t, 'trash', 'ls', 'notes'), /deleted +6 {2}a\/1$/m)
    await ok(t, 'trash', 'restore', 'r2://notes/a/1')
    t.is((await ask('GET', '/notes/a/1')).body.toString(), 'second')
    await ok(t, 'trash', 'restore', 'r2://notes/a/1', '--id', entries[0]?.id ?? '')
    t.is((await ask('GET', '/notes/a/1')).body.toString(), 'first a/1')
    t.is((await run('trash', 'restore', 'r2://notes/none')).code, 4)

    await ok(t, 'rm', '--recursive', '--yes', 'r2://notes/')
    const refused = await run('bucket', 'rm', 'notes')
    t.is(refused.code, 5)
    t.regex(refused.stderr, /r2d trash empty notes/)
    t.is((await run('trash', 'empty', 'notes')).code, 2, 'Nobody was asked')
    const gone = JSON.parse(await ok(t, 'trash', 'empty', 'notes', '--yes', '--json')) as {
      objects: number
    }
    t.true(gone.objects >= 5)
    t.is(await ok(t, 'trash', 'ls', 'notes'), '')
    await ok(t, 'bucket', 'rm', 'notes')
  }
)

test.serial(
  'a bucket keeps nothing by default, and one that shreds is not set to keep by one order',
  async t => {
    await ok(t, 'bucket', 'create', 'plain')
    t.regex(
      await ok(t, 'bucket', 'trash', 'get', 'plain'),
      /^what is deleted is not kept; 0 objects/
    )
    await ask('PUT', '/plain/k', 'x')
    await ask('DELETE', '/plain/k')
    t.is(await ok(t, 'trash', 'ls', 'plain'), '')
    await ok(t, 'bucket', 'trash', 'set', 'plain', '--keep', 'shred')
    t.is((await run('bucket', 'trash', 'set', 'plain', '--keep', '7d')).code, 5)
    t.is((await run('bucket', 'trash', 'set', 'plain', '--keep', 'forever')).code, 2)
    t.is((await run('trash', 'ls', 'nowhere')).code, 4)
  }
)
