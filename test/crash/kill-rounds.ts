// Writers against a real daemon that is killed with SIGKILL at random moments, round after round.
//
// Method: each writer has keys of its own, so that the order of what it did to a key is known without a clock. It notes what it
// is about to do, does it, and notes the acknowledgement. After the kill, a key must be either as last
// acknowledged or as what was under way would have made it: whole in both cases, the same in GET, HEAD
// and LIST. What is found is what the next round starts from. SIGKILL does not test what a power cut does to
// unsynced pages; the engine's and the segment writer's own tests count the syncs.

import assert from 'node:assert/strict'
import { createHash, randomInt } from 'node:crypto'
import http from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { XMLParser } from 'fast-xml-parser'
import { DaemonProcess, localRequest, type LocalResponse } from '../daemon/daemon-process.ts'

const bucket = 'crash'
const writerCount = 8
const keysPerWriter = 12
const runMsMin = 30
const runMsMax = 900
const sizes = [0, 1, 4096, 65_536, 65_537, 262_144, 300_000, 1_500_000, 4_194_304, 6_000_000]

/** What a key holds: the seed and size that its content follows from, and whether it came in parts; or nothing. */
type Content = { seed: number; size: number; isUploaded?: boolean } | undefined

interface KeyState {
  acknowledged: Content
  /** What was asked for and not answered yet. */
  underWay: Content[]
}

export interface KillFigures {
  rounds: number
  acknowledged: number
  unanswered: number
  /** Of the unanswered, how many were found to have happened. */
  unansweredFound: number
  /** Left by kills, found at the end, and aborted. */
  uploadsAborted: number
  checked: number
  startMs: number[]
}

export async function runKillRounds(
  home: string,
  rounds: number,
  environment: Record<string, string> = {},
  /** While no daemon runs: before each start but the first. */
  whileDown: () => Promise<void> = () => Promise.resolve()
): Promise<KillFigures> {
  const figures: KillFigures = {
    rounds: 0,
    acknowledged: 0,
    unanswered: 0,
    unansweredFound: 0,
    uploadsAborted: 0,
    checked: 0,
    startMs: []
  }
  const states = new Map<string, KeyState>()
  let seed = 1

  for (let round = 0; round < rounds; round++) {
    if (round > 0) await whileDown()
    const started = performance.now()
    const daemon = await DaemonProcess.start(home, environment)
    figures.startMs.push(performance.now() - started)
    const agent = new http.Agent({ keepAlive: true, maxSockets: 64 })
    const sockets = daemon.status.sockets
    const ask: Ask = (n, method, path, body, headers = {}) =>
      localRequest(socketOf(sockets, n), method, path, body, headers, agent)

    if (round === 0) assert.equal((await ask(0, 'PUT', `/${bucket}`)).status, 200)
    await verify(states, ask, figures)

    let isRunning = true
    const writers = Array.from({ length: writerCount }, async (_, writer) => {
      while (isRunning) {
        const key = `w${writer}/k${randomInt(keysPerWriter)}`
        const state = states.get(key) ?? { acknowledged: undefined, underWay: [] }
        states.set(key, state)
        const size = sizes[randomInt(randomInt(3) === 0 ? sizes.length : 5)] ?? 0
        const sourceKey = `w${writer}/k${randomInt(keysPerWriter)}`
        const write = chooseWrite({ seed: seed++, size }, sourceKey, states.get(sourceKey))
        state.underWay.push(write.content)
        try {
          const response = await perform(write, `/${bucket}/${key}`, (...rest) =>
            ask(writer, ...rest)
          )
          if (response.status >= 500) continue
          assert(response.status === 200 || response.status === 204, response.body.toString())
          state.acknowledged = write.content
          state.underWay = []
          figures.acknowledged++
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error
          // The daemon is gone: the outcome is open.
          return
        }
      }
    })

    await delay(randomInt(runMsMin, runMsMax))
    await daemon.kill('SIGKILL')
    isRunning = false
    await Promise.all(writers)
    agent.destroy()
    figures.rounds++
  }

  await whileDown()
  const daemon = await DaemonProcess.start(home, environment)
  const sockets = daemon.status.sockets
  const ask: Ask = (n, method, path) => localRequest(socketOf(sockets, n), method, path)
  await verify(states, ask, figures)
  await abortUploads(ask, figures)
  await daemon.stop()
  return figures
}

type Ask = (
  n: number,
  method: string,
  path: string,
  body?: Buffer,
  headers?: Record<string, string>
) => ReturnType<typeof localRequest>

type AskHere = (
  method: string,
  path: string,
  body?: Buffer,
  headers?: Record<string, string>
) => ReturnType<typeof localRequest>

type Write =
  | { kind: 'delete'; content: undefined }
  | { kind: 'put' | 'parts'; content: NonNullable<Content> }
  | { kind: 'copy'; content: NonNullable<Content>; source: string }

/** A copy only of what is known for certain. */
function chooseWrite(
  content: NonNullable<Content>,
  sourceKey: string,
  source: KeyState | undefined
): Write {
  const draw = randomInt(12)
  if (draw < 2) return { kind: 'delete', content: undefined }
  if (draw < 5) return { kind: 'parts', content: { ...content, isUploaded: true } }
  if (draw < 7 && source?.acknowledged !== undefined && source.underWay.length === 0) {
    return { kind: 'copy', content: source.acknowledged, source: sourceKey }
  }
  return { kind: 'put', content }
}

/** The last answer: the one that acknowledges, or the first that does not. */
async function perform(write: Write, path: string, ask: AskHere): ReturnType<typeof localRequest> {
  switch (write.kind) {
    case 'delete':
      return ask('DELETE', path)
    case 'put':
      return ask('PUT', path, contentOf(write.content))
    case 'copy':
      return ask('PUT', path, Buffer.alloc(0), { 'x-amz-copy-source': `${bucket}/${write.source}` })
    case 'parts':
      return uploadInParts(path, contentOf(write.content), ask)
  }
}

/** As one part, which is sent twice: the one that counts replaces another. */
async function uploadInParts(
  path: string,
  content: Buffer,
  ask: AskHere
): ReturnType<typeof localRequest> {
  const begun = await ask('POST', `${path}?uploads`)
  if (begun.status !== 200) return begun
  const uploadId = /<UploadId>(.+)<\/UploadId>/.exec(begun.body.toString())?.[1] ?? ''
  const partPath = `${path}?partNumber=1&uploadId=${uploadId}`
  const replaced = await ask('PUT', partPath, Buffer.alloc(70_000, 1))
  if (replaced.status !== 200) return replaced
  const part = await ask('PUT', partPath, content)
  if (part.status !== 200) return part

  const list =
    '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>' +
    `<ETag>${String(part.headers.etag)}</ETag></Part></CompleteMultipartUpload>`
  return ask('POST', `${path}?uploadId=${uploadId}`, Buffer.from(list))
}

/** Uploads that a kill cut off are there, can be aborted, and are gone then. */
async function abortUploads(ask: Ask, figures: KillFigures): Promise<void> {
  for (;;) {
    const { status, body } = await ask(0, 'GET', `/${bucket}?uploads`)
    assert.equal(status, 200)
    const uploads = [
      ...body.toString().matchAll(/<Key>([^<]+)<\/Key><UploadId>([^<]+)<\/UploadId>/g)
    ]
    if (uploads.length === 0) return
    for (const [, key = '', uploadId = ''] of uploads) {
      const aborted = await ask(0, 'DELETE', `/${bucket}/${key}?uploadId=${uploadId}`)
      assert.equal(aborted.status, 204)
      figures.uploadsAborted++
    }
  }
}

async function verify(
  states: Map<string, KeyState>,
  ask: Ask,
  figures: KillFigures
): Promise<void> {
  const listed = await listAll(ask)
  let n = 0
  for (const [key, state] of states) {
    const path = `/${bucket}/${key}`
    const get = await ask(n++, 'GET', path)
    const head = await ask(n++, 'HEAD', path)
    assert.equal(head.status, get.status, `HEAD and GET of ${key} differ`)
    assert.equal(listed.has(key), get.status === 200, `LIST and GET of ${key} differ`)

    const allowed = [state.acknowledged, ...state.underWay]
    const found = allowed.findIndex(content => isContent(content, get))
    assert.notEqual(
      found,
      -1,
      `${key} has status ${get.status} and ${get.body.length} bytes, not one of ${JSON.stringify(allowed)}`
    )
    if (get.status === 200) {
      const etag = get.headers.etag
      assert.equal(head.headers.etag, etag)
      assert.equal(listed.get(key), etag)
      listed.delete(key)
    }

    figures.checked++
    figures.unanswered += state.underWay.length
    if (found > 0) figures.unansweredFound++
    state.acknowledged = allowed[found]
    state.underWay = []
  }
  assert.deepEqual([...listed.keys()], [], 'LIST has keys that were never written')
}

function etagOf(body: Buffer, content: Content): string {
  const md5 = createHash('md5').update(body).digest()
  if (content?.isUploaded !== true) return `"${md5.toString('hex')}"`

  return `"${createHash('md5').update(md5).digest('hex')}-1"`
}

function isContent(content: Content, { status, headers, body }: LocalResponse): boolean {
  if (content === undefined) return status === 404

  return status === 200 && headers.etag === etagOf(body, content) && body.equals(contentOf(content))
}

async function listAll(ask: Ask): Promise<Map<string, string>> {
  const parser = new XMLParser({ isArray: name => name === 'Contents', parseTagValue: false })
  const found = new Map<string, string>()
  let startAfter = ''
  for (;;) {
    const query = `list-type=2&max-keys=50&start-after=${encodeURIComponent(startAfter)}`
    const { status, body } = await ask(0, 'GET', `/${bucket}?${query}`)
    assert.equal(status, 200, body.toString())
    const { ListBucketResult: page } = parser.parse(body.toString()) as {
      ListBucketResult: { Contents?: { Key: string; ETag: string }[]; IsTruncated: string }
    }
    for (const { Key, ETag } of page.Contents ?? []) {
      found.set(Key, ETag.replaceAll('&quot;', '"'))
      startAfter = Key
    }
    if (page.IsTruncated !== 'true') return found
  }
}

function contentOf({ seed, size }: { seed: number; size: number }): Buffer {
  const content = Buffer.alloc(size)
  const block = createHash('sha512').update(String(seed)).digest()
  for (let offset = 0; offset < size; offset += block.length) {
    block.copy(content, offset)
    // Each block differs from its neighbours, so that one out of place shows.
    content.writeUInt8((offset / block.length) & 0xff, offset)
  }
  return content
}

function socketOf(sockets: string[], n: number): string {
  const socket = sockets[n % sockets.length]
  assert(socket !== undefined)
  return socket
}
