// A daemon, asked by an SDK over its S3 endpoint, agrees with the reference model, also after it was killed and started again.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3ServiceException,
  UploadPartCommand,
  type S3Client
} from '@aws-sdk/client-s3'
import test from 'ava'
import fc from 'fast-check'
import { clientOf } from '../conformance/s3.ts'
import { DaemonProcess, daemonHome } from '../daemon/daemon-process.ts'
import { command, runCommands, type Subject } from './store-model.ts'

class DaemonSubject implements Subject {
  readonly #home: string
  #daemon: DaemonProcess
  #client: S3Client
  /** The buckets of this run are its own: one home serves many runs. */
  #run = ''
  kills = 0

  private constructor(home: string, daemon: DaemonProcess, client: S3Client) {
    this.#home = home
    this.#daemon = daemon
    this.#client = client
  }

  static async start(home: string): Promise<DaemonSubject> {
    const daemon = await DaemonProcess.start(home)
    return new DaemonSubject(home, daemon, clientOf(await daemon.s3()))
  }

  beginRun(): void {
    this.#run = randomUUID().slice(0, 8)
  }

  async createBucket(name: string): Promise<void> {
    await this.#client.send(new CreateBucketCommand({ Bucket: this.#bucket(name) }))
  }

  async put(
    bucket: string,
    key: string,
    content: Buffer,
    { piece, isOnlyNew }: { piece: number; isOnlyNew: boolean }
  ): Promise<boolean> {
    const body = Readable.from(piecesOf(content, piece))
    const place = { Bucket: this.#bucket(bucket), Key: key, ContentLength: content.length }
    const condition = isOnlyNew ? { IfNoneMatch: '*' } : {}
    const put = new PutObjectCommand({ ...place, ...condition, Body: body })
    return (await this.#unless(412, this.#client.send(put))) !== undefined
  }

  async upload(
    bucket: string,
    key: string,
    content: Buffer,
    end: 'complete' | 'abort' | 'leave'
  ): Promise<void> {
    const place = { Bucket: this.#bucket(bucket), Key: key }
    const { UploadId } = await this.#client.send(new CreateMultipartUploadCommand(place))
    const part = { ...place, UploadId, PartNumber: 1 }
    const { ETag } = await this.#client.send(new UploadPartCommand({ ...part, Body: content }))
    if (end === 'abort') {
      await this.#client.send(new AbortMultipartUploadCommand({ ...place, UploadId }))
    }
    if (end === 'complete') {
      const parts = { MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } }
      const complete = { ...place, UploadId, ...parts }
      await this.#client.send(new CompleteMultipartUploadCommand(complete))
    }
  }

  async get(bucket: string, key: string, range?: { start: number; end: number }) {
    const Range = range && `bytes=${range.start}-${range.end}`
    const get = new GetObjectCommand({ Bucket: this.#bucket(bucket), Key: key, Range })
    try {
      const { ETag = '', Body } = await this.#client.send(get)
      return { etag: ETag.replaceAll('"', ''), content: await buffer(Body as Readable) }
    } catch (error) {
      const status = statusOf(error)
      if (status === 404) return 'absent'
      if (status === 416) return 'unsatisfiable'
      throw error
    }
  }

  async delete(bucket: string, keys: string[]): Promise<void> {
    const Bucket = this.#bucket(bucket)
    // XML 1.0 has no way to name U+0001.
    const [alone, together] = [keys.filter(isControl), keys.filter(key => !isControl(key))]
    for (const Key of alone) await this.#client.send(new DeleteObjectCommand({ Bucket, Key }))
    if (together.length === 0) return

    const Delete = { Objects: together.map(Key => ({ Key })) }
    const { Errors = [] } = await this.#client.send(new DeleteObjectsCommand({ Bucket, Delete }))
    assert.deepEqual(Errors, [])
  }

  async copy(from: [string, string], to: [string, string]): Promise<boolean> {
    const CopySource = `${this.#bucket(from[0])}/${encodeURIComponent(from[1])}`
    const copy = { Bucket: this.#bucket(to[0]), Key: to[1], CopySource }
    // S3 refuses a copy onto itself that changes nothing.
    const change = from[0] === to[0] && from[1] === to[1] ? replaced : {}
    const sent = this.#client.send(new CopyObjectCommand({ ...copy, ...change }))
    return (await this.#unless(404, sent)) !== undefined
  }

  async list(bucket: string, options: Parameters<Subject['list']>[1]) {
    const { prefix, delimiter, startAfter, limit } = options
    const list = new ListObjectsV2Command({
      Bucket: this.#bucket(bucket),
      Prefix: prefix,
      Delimiter: delimiter === '' ? undefined : delimiter,
      StartAfter: startAfter === '' ? undefined : startAfter,
      MaxKeys: limit,
      EncodingType: 'url'
    })
    const { Contents = [], CommonPrefixes = [], IsTruncated } = await this.#client.send(list)
    const decode = (text = ''): string => decodeURIComponent(text.replaceAll('+', '%20'))
    const names = [
      ...Contents.map(({ Key }) => ({ name: decode(Key), isPrefix: false })),
      ...CommonPrefixes.map(({ Prefix }) => ({ name: decode(Prefix), isPrefix: true }))
    ]
    names.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
    return { names, isTruncated: IsTruncated === true }
  }

  async restart(): Promise<void> {
    await this.#daemon.kill('SIGKILL')
    this.kills++
    this.#client.destroy()
    this.#daemon = await DaemonProcess.start(this.#home)
    this.#client = clientOf(await this.#daemon.s3())
  }

  async stop(): Promise<void> {
    this.#client.destroy()
    await this.#daemon.stop()
  }

  async kill(): Promise<void> {
    this.#client.destroy()
    await this.#daemon.kill('SIGKILL')
  }

  #bucket(name: string): string {
    return `${name}-${this.#run}`
  }

  async #unless<T>(status: number, sent: Promise<T>): Promise<T | undefined> {
    try {
      return await sent
    } catch (error) {
      if (statusOf(error) === status) return undefined
      throw error
    }
  }
}

const isControl = (key: string): boolean => key < ' '

const replaced = { MetadataDirective: 'REPLACE', Metadata: { again: 'yes' } } as const

function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined
}

function* piecesOf(content: Buffer, size: number): Generator<Buffer> {
  for (let offset = 0; offset < content.length; offset += size) {
    yield content.subarray(offset, offset + size)
  }
}

test('a daemon agrees with the model, whatever is asked of it and however often it is killed', async t => {
  const home = await daemonHome(t)
  const subject = await DaemonSubject.start(home)
  t.teardown(() => subject.kill())
  const property = fc.asyncProperty(
    fc.array(command, { minLength: 20, maxLength: 60 }),
    async all => {
      subject.beginRun()
      await runCommands(subject, [...all, { kind: 'restart' }])
    }
  )
  const numRuns = Number(process.env['R2D_RUNS'] ?? 5)

  await t.notThrowsAsync(fc.assert(property, { numRuns, endOnFailure: true }))

  t.log(`${subject.kills} kills in ${numRuns} runs`)
  t.true(subject.kills >= numRuns)
  await subject.stop()
})
