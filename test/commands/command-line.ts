// The command line as a person uses it: bin/r2d, or another program, in a process of its own.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { environmentOf, root } from '../daemon/daemon-process.ts'

export const launcher = join(root, 'bin/r2d')

export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  input?: Buffer | string
  environment?: Record<string, string>
}

/** On the daemon of `home`. */
export async function run(
  home: string,
  program: string,
  args: readonly string[],
  { input, environment = {} }: RunOptions = {}
): Promise<Outcome> {
  const child = spawn(program, args, { env: environmentOf(home, environment) })
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const code = new Promise<number | null>(resolve => {
    child.on('close', resolve)
  })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await code, stdout, stderr }
}

export function r2dAt(
  home: string,
  args: readonly string[],
  options?: RunOptions
): Promise<Outcome> {
  return run(home, process.execPath, [launcher, ...args], options)
}
