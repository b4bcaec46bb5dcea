/**
 * Copies between files, objects and standard streams: what `cp` and `mv` are made of.
 */

import { createWriteStream } from 'node:fs'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ObjectClient } from '../control/object-client.ts'
import { R2dError } from '../errors.ts'
import { errnoOf } from '../file.ts'
import { formatRemote, type Address } from './address.ts'
import type { Progress } from './progress.ts'
import { uploadFile, uploadStream, type UploadOptions } from './upload.ts'

/** One file or object, from here to there. */
export interface Transfer {
  source: Address
  target: Address
  /** Bytes, where it is known beforehand. */
  size: number | undefined
}

type Remote = Extract<Address, { kind: 'remote' }>
type Local = Extract<Address, { kind: 'local' }>

/** Where a single file or object goes: a target that is a directory or prefix takes it under its own name. */
export async function planOne(
  source: Address,
  target: Address,
  client: ObjectClient
): Promise<Transfer> {
  if (source.kind === 'local') {
    const { size } = await statFile(source.path)
    return { source, target: await targetFor(target, basename(source.path)), size }
  }
  if (source.kind === 'standard') {
    if (target.kind === 'remote' && isPrefix(target)) {
      throw usage('Standard input has no name', 'Give the object a key: r2://bucket/key')
    }
    return { source, target, size: undefined }
  }
  if (isPrefix(source)) {
    throw usage(
      `${formatRemote(source)} is not an object`,
      'Copy what is under it with --recursive'
    )
  }
  const { size } = await client.head(source.bucket, source.key)
  return { source, target: await targetFor(target, source.key.split('/').at(-1) ?? ''), size }
}

/** Everything under a directory or prefix. A key that would leave the target directory is refused. */
export async function* planRecursive(
  source: Address,
  target: Address,
  client: ObjectClient
): AsyncGenerator<Transfer, void, undefined> {
  if (source.kind === 'local') {
    for await (const path of walk(source.path)) {
      const { size } = await statFile(path)
      const name = relative(source.path, path).split(sep).join('/')
      yield { source: { kind: 'local', path }, target: under(target, name), size }
    }
    return
  }
  if (source.kind === 'standard')
    throw usage('Standard input is one object', 'Leave out --recursive')

  const { bucket } = source
  const prefix = source.key === '' || source.key.endsWith('/') ? source.key : `${source.key}/`
  for await (const { objects } of client.list(bucket, { prefix, delimiter: '' })) {
    for (const { key, size } of objects) {
      const name = key.slice(prefix.length)
      if (name === '') continue
      yield { source: { kind: 'remote', bucket, key }, target: under(target, name), size }
    }
  }
}

export async function run(
  { source, target, size }: Transfer,
  client: ObjectClient,
  options: UploadOptions
): Promise<void> {
  const { progress } = options
  if (source.kind === 'remote' && target.kind === 'remote') {
    await client.copy(source, target)
    progress.add(size ?? 0)
    return
  }
  if (target.kind === 'remote') {
    if (source.kind === 'local') {
      await uploadFile(client, { path: source.path, size: size ?? 0 }, target, options)
    } else await uploadStream(client, process.stdin as AsyncIterable<Buffer>, target, options)
    return
  }
  if (source.kind === 'remote') {
    await download(source, target, client, progress)
    return
  }
  throw usage('Neither side is an object', 'Write one of them as r2://bucket/key')
}

async function download(
  { bucket, key }: Remote,
  target: Address,
  client: ObjectClient,
  progress: Progress
): Promise<void> {
  if (target.kind === 'local' && target.path.endsWith('/')) {
    await mkdir(target.path, { recursive: true })
    return
  }

  const { body } = await client.get(bucket, key)
  if (target.kind === 'standard') {
    await pipeline(Readable.from(progress.count(body)), process.stdout, { end: false })
    return
  }
  // Under its name only when it is whole and verified.
  const { path } = target as Local
  await mkdir(dirname(path), { recursive: true })
  const beside = join(dirname(path), `.${basename(path).slice(0, 200)}.r2d-${process.pid}`)
  try {
    await pipeline(Readable.from(progress.count(body)), createWriteStream(beside))
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}

async function targetFor(target: Address, name: string): Promise<Address> {
  if (target.kind === 'remote') {
    return isPrefix(target) ? { ...target, key: target.key + name } : target
  }
  if (target.kind === 'local' && (target.path.endsWith('/') || (await isDirectory(target.path)))) {
    return { kind: 'local', path: join(target.path, name) }
  }
  return target
}

function under(target: Address, name: string): Address {
  if (target.kind === 'standard') {
    throw usage('Standard output takes one object', 'Give a directory, or leave out --recursive')
  }
  if (target.kind === 'remote') {
    const isJoined = target.key === '' || target.key.endsWith('/')
    return { ...target, key: `${target.key}${isJoined ? '' : '/'}${name}` }
  }

  const root = resolve(target.path)
  const path = resolve(root, name)
  if (path !== root && !path.startsWith(root === '/' ? root : root + sep)) {
    throw usage(`The key ${JSON.stringify(name)} leads out of ${target.path}`, 'Copy it by itself')
  }
  return { kind: 'local', path: name.endsWith('/') ? `${path}/` : path }
}

function isPrefix({ key }: Remote): boolean {
  return key === '' || key.endsWith('/')
}

async function* walk(directory: string): AsyncGenerator<string, void, undefined> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    throw local(error, directory)
  })
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) yield* walk(path)
    // A link is followed to a file, not into a directory, which could lead in circles.
    else if (entry.isFile() || (entry.isSymbolicLink() && !(await isDirectory(path)))) yield path
  }
}

async function statFile(path: string): Promise<{ size: number }> {
  const found = await stat(path).catch((error: unknown) => {
    throw local(error, path)
  })
  if (found.isDirectory()) throw usage(`${path} is a directory`, 'Copy it with --recursive')
  return found
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false
  }
}

function local(error: unknown, path: string): unknown {
  if (errnoOf(error) !== 'ENOENT') return error

  return new R2dError('R2D_NO_SUCH_KEY', `There is no file ${path}`, {
    hint: 'An object is written as r2://bucket/key'
  })
}

function usage(message: string, hint: string): R2dError {
  return new R2dError('R2D_INVALID_CONFIG', message, { hint })
}
