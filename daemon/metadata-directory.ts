/**
 * A new metadata directory, whole or not there: it is filled beside the place that it is for, and renamed.
 *
 *     metadata.new/<engine>/   being filled; what a killed attempt left is taken away by the next
 *     metadata/                the one that is in use
 *     metadata.<time>/         one that was replaced, if that was asked for
 */

import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ControlClient } from '../src/control/client.ts'
import { R2dError } from '../src/errors.ts'
import { nodeFiles } from '../src/file.ts'
import type { Home } from '../src/home.ts'
import type { Engine } from '../src/metadata/engine.ts'
import { storeKey } from '../src/metadata/keys.ts'
import { openEngine } from './parts.ts'

type EngineName = Engine['name']

export interface MakeOptions {
  home: Home
  engineName: EngineName
  /** What is there is put aside; otherwise it is refused unless it is empty. */
  replaces: boolean
}

/** What `fill` says, and where the directory that was replaced is now. */
export async function makeMetadata<Result>(
  { home, engineName, replaces }: MakeOptions,
  fill: (engine: Engine) => Promise<Result>
): Promise<{ result: Result; replaced: string | undefined }> {
  await requireNoDaemon(home)
  const isThere = await requireReplaceable(home, replaces)
  const beside = `${home.metadata}.new`
  await clear(beside)
  const path = join(beside, engineName)
  await mkdir(path, { recursive: true, mode: 0o700 })
  const engine = await openEngine({ engine: engineName, path, handle: undefined })
  let result: Result
  try {
    result = await fill(engine)
  } catch (error) {
    await engine[Symbol.asyncDispose]()
    await rm(beside, { recursive: true, force: true })
    throw error
  }
  await engine[Symbol.asyncDispose]()
  for (const each of [path, beside]) await nodeFiles.syncDirectory(each)

  const replaced = isThere
    ? `${home.metadata}.${new Date().toISOString().replaceAll(':', '')}`
    : undefined
  if (replaced !== undefined) await rename(home.metadata, replaced)
  await rename(beside, home.metadata)
  await nodeFiles.syncDirectory(home.path)
  return { result, replaced }
}

/** Where an engine's files are, if there are any. */
export function engineIn(directory: string): { engine: EngineName; path: string } | undefined {
  const engine = (['rocksdb', 'classic-level'] as const).find(name =>
    existsSync(join(directory, name))
  )
  return engine === undefined ? undefined : { engine, path: join(directory, engine) }
}

export async function requireNoDaemon(home: Home): Promise<void> {
  const status = await new ControlClient(home).status().catch(() => undefined)
  if (status === undefined) return

  throw new R2dError(
    'R2D_LOCKED',
    `A daemon (pid ${status.pid}) is running on this home directory`,
    {
      hint: 'Stop it: r2d daemon stop'
    }
  )
}

/** Whether there is a directory to be put aside. One with an engine that holds no store is taken away. */
async function requireReplaceable(home: Home, replaces: boolean): Promise<boolean> {
  const names = await readdir(home.metadata).catch(() => undefined)
  if (names === undefined) return false
  if (names.length === 0 || (await isWithoutStore(home.metadata))) {
    await rm(home.metadata, { recursive: true })
    return false
  }
  if (replaces || engineIn(home.metadata) === undefined) return true

  throw new R2dError('R2D_PRECONDITION_FAILED', `There is metadata in ${home.metadata}`, {
    hint: 'Move it away, or repeat this with --replace, which puts it aside'
  })
}

/** R2D_LOCKED if it is in use. */
async function isWithoutStore(directory: string): Promise<boolean> {
  const found = engineIn(directory)
  if (found === undefined) return false

  let engine: Engine
  try {
    engine = await openEngine({ ...found, handle: undefined })
  } catch (error) {
    if (error instanceof R2dError && error.code === 'R2D_LOCKED') throw error
    return false
  }
  try {
    return (await engine.get(storeKey())) === undefined
  } finally {
    await engine[Symbol.asyncDispose]()
  }
}

/** R2D_LOCKED if another process is filling it. */
async function clear(beside: string): Promise<void> {
  const found = engineIn(beside)
  if (found !== undefined) {
    try {
      const engine = await openEngine({ ...found, handle: undefined })
      await engine[Symbol.asyncDispose]()
    } catch (error) {
      if (error instanceof R2dError && error.code === 'R2D_LOCKED') throw error
    }
  }
  await rm(beside, { recursive: true, force: true })
}
