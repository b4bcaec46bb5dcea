// Lifecycle rules carried out by the daemon, and its death in the middle of that.

import assert from 'node:assert/strict'
import http from 'node:http'
import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { XMLParser } from 'fast-xml-parser'
import { DaemonProcess, daemonHome, localRequest } from './daemon-process.ts'

/** How long a round of the daemon may take, on a machine that is busy. */
const timeoutMs = 60_000

const expired = (prefix: string): Buffer =>
  Buffer.from(
    `<LifecycleConfiguration><Rule><ID>past</ID><Status>Enabled</Status><Filter><Prefix>${prefix}</Prefix></Filter>` +
      '<Expiration><Date>2020-01-01T00:00:00Z</Date></Expiration></Rule></LifecycleConfiguration>'
  )

async function open(t: ExecutionContext, environment: Record<string, string> = {}) {
  const home = await daemonHome(t)
  const start = async (): Promise<DaemonProcess> => {
    const daemon = await DaemonProcess.start(home, environment)
    t.teardown(() => daemon.kill())
    return daemon
  }
  return { start }
}

const agents = new Map<string, http.Agent>()

async function ask(daemon: DaemonProcess, method: string, path: string, body?: Buffer) {
  const [socket] = daemon.status.sockets
  assert(socket !== undefined)
  const id = `${daemon.child.pid ?? 0}`
  const agent = agents.get(id) ?? new http.Agent({ keepAlive: true, maxSockets: 32 })
  agents.set(id, agent)
  const response = await localRequest(socket, method, path, body, {}, agent)
  assert(response.status < 300, `${response.status} ${response.body.toString()}`)
  return response
}

test.after.always(() => {
  for (const agent of agents.values()) agent.destroy()
})

async function keys(daemon: DaemonProcess, bucket: string): Promise<string[]> {
  const parser = new XMLParser({ isArray: name => name === 'Contents', parseTagValue: false })
  const found: string[] = []
  for (;;) {
    const after = encodeURIComponent(found.at(-1) ?? '')
    const { body } = await ask(daemon, 'GET', `/${bucket}?list-type=2&start-after=${after}`)
    const { ListBucketResult: page } = parser.parse(body.toString()) as {
      ListBucketResult: { Contents?: { Key: string }[]; IsTruncated: string }
    }
    found.push(...(page.Contents ?? []).map(({ Key }) => Key))
    if (page.IsTruncated !== 'true') return found
  }
}

/** Resolves when the bucket has exactly these keys. */
async function settled(daemon: DaemonProcess, bucket: string, expected: string[]): Promise<void> {
  const deadline = Date.now() + timeoutMs
  let found = await keys(daemon, bucket)
  while (found.length !== expected.length && Date.now() < deadline) {
    await delay(20)
    found = await keys(daemon, bucket)
  }
  assert.deepEqual(found, expected)
}

const numbered = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}${String(n).padStart(5, '0')}`)

for (const engine of ['rocksdb', 'classic-level']) {
  test(`${engine}: a date that has passed makes objects vanish at once, and those that come later at the next look`, async t => {
    const { start } = await open(t, { R2D_METADATA_ENGINE: engine, R2D_LIFECYCLE_INTERVAL: '1' })
    const daemon = await start()
    await ask(daemon, 'PUT', '/bucket')
    const all = [...numbered('gone/', 300), ...numbered('kept/', 20)]
    await Promise.all(all.map(key => ask(daemon, 'PUT', `/bucket/${key}`, Buffer.from(key))))

    await ask(daemon, 'PUT', '/bucket?lifecycle', expired('gone/'))
    await settled(daemon, 'bucket', numbered('kept/', 20))
    await ask(daemon, 'PUT', '/bucket/gone/later', Buffer.from('later'))
    await settled(daemon, 'bucket', numbered('kept/', 20))

    await daemon.stop()
    t.regex(daemon.stderr(), /lifecycle rules were applied/)
  })
}

test('a change of rules is acted upon long before the interval is over', async t => {
  const { start } = await open(t, { R2D_LIFECYCLE_INTERVAL: '86400' })
  const daemon = await start()
  await ask(daemon, 'PUT', '/bucket')
  await ask(daemon, 'PUT', '/bucket/key', Buffer.from('content'))

  await ask(daemon, 'PUT', '/bucket?lifecycle', expired(''))
  await settled(daemon, 'bucket', [])

  await daemon.stop()
  t.regex(daemon.stderr(), /lifecycle rules were applied/)
})

test('a daemon that is killed while it builds an index and deletes loses nothing, and finishes it later', async t => {
  const { start } = await open(t)
  let daemon = await start()
  await ask(daemon, 'PUT', '/bucket')
  const gone = numbered('gone/', 3000)
  const kept = numbered('kept/', 1000)
  await Promise.all(
    [...gone, ...kept].map(key => ask(daemon, 'PUT', `/bucket/${key}`, Buffer.from(key)))
  )
  await ask(daemon, 'PUT', '/bucket?lifecycle', expired('gone/'))

  const counts: number[] = []
  for (let round = 0; round < 6; round++) {
    await delay(randomInt(0, 60))
    await daemon.kill('SIGKILL')
    daemon = await start()
    const found = await keys(daemon, 'bucket')
    counts.push(found.length)
    t.deepEqual(
      found.filter(key => key.startsWith('kept/')),
      kept
    )
  }

  await settled(daemon, 'bucket', kept)
  for (const key of kept.slice(0, 50)) {
    t.is((await ask(daemon, 'GET', `/bucket/${key}`)).body.toString(), key)
  }
  t.log({ objectsAfterEachKill: counts })
  await daemon.stop()
})
