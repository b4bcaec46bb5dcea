// One daemon, one temp directory, and programs run in it as a user's shell would run them.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { TestFn } from 'ava'
import type { S3Endpoint } from '../conformance/s3.ts'
import { DaemonProcess, makeDaemonHome, removeHome, root } from '../daemon/daemon-process.ts'

export interface RunOptions {
  environment?: Record<string, string>
  /** Directory to run in; the workplace's own by default. */
  cwd?: string
  /** What the program reads. */
  input?: string
  /** The exit status that it has to end with. */
  status?: number
}

/** No program of these tests has this much to do; one that waits for something is stopped, and fails. */
const runTimeoutMs = 180_000

export class Workplace {
  readonly daemon: DaemonProcess
  readonly s3: S3Endpoint
  /** An empty directory, also the HOME of every program: nothing that a user has configured is read. */
  readonly path: string
  #bucketNumber = 0

  private constructor(daemon: DaemonProcess, s3: S3Endpoint, path: string) {
    this.daemon = daemon
    this.s3 = s3
    this.path = path
  }

  static async open(): Promise<Workplace> {
    const daemon = await DaemonProcess.start(await makeDaemonHome())
    const path = await mkdtemp(join(tmpdir(), 'r2d-client-'))
    return new Workplace(daemon, await daemon.s3(), path)
  }

  async close(): Promise<void> {
    await this.daemon.stop()
    await removeHome(this.daemon.home)
    await rm(this.path, { recursive: true, force: true })
  }

  /** A name that no other test of the file has. */
  bucketName(): string {
    return `bucket-${this.#bucketNumber++}`
  }

  /** A directory of its own for one test. */
  async directory(name: string): Promise<string> {
    const path = join(this.path, name)
    await mkdir(path)
    return path
  }

  get environment(): Record<string, string> {
    return {
      // Debian's own first: its packages are what is tested, whatever else the machine has.
      PATH: `/usr/bin:${process.env['PATH'] ?? ''}`,
      HOME: this.path,
      LANG: 'C.UTF-8',
      R2D_HOME: this.daemon.home,
      AWS_ENDPOINT_URL: this.s3.endpoint,
      AWS_REGION: 'auto',
      AWS_DEFAULT_REGION: 'auto',
      AWS_ACCESS_KEY_ID: this.s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: this.s3.secretAccessKey
    }
  }

  /** Standard output as text; rejects with all that the program wrote if it does not end as it should. */
  async run(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
    const environment = { ...this.environment, ...options.environment }
    return this.#spawn(program, args, environment, options)
  }

  /**
   * Runs what docs/clients.md has a user paste for a program, in the checkout, as it stands there: it has to find the
   * daemon and its key by itself.
   */
  async pasted(program: string): Promise<string> {
    const page = await readFile(join(root, 'docs/clients.md'), 'utf8')
    const section = page.split(/^## /m).find(text => text.startsWith(`${program}\n`))
    assert(section !== undefined, `docs/clients.md has no section on ${program}`)
    const lines = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text]) => text)
    assert(lines.length > 0, `docs/clients.md has no lines for ${program}`)

    const { PATH, HOME, LANG, R2D_HOME } = this.environment
    assert(PATH !== undefined && HOME !== undefined && LANG !== undefined && R2D_HOME !== undefined)
    // The Node of the tests in front: a machine may have an older one, or none.
    const environment = { PATH: `${dirname(process.execPath)}:${PATH}`, HOME, LANG, R2D_HOME }
    return this.#spawn('sh', ['-eu'], environment, {
      cwd: root,
      input: lines.join('')
    })
  }

  async #spawn(
    program: string,
    args: readonly string[],
    env: Record<string, string>,
    { cwd = this.path, input = '', status = 0 }: RunOptions
  ): Promise<string> {
    const child = spawn(program, args, { env, cwd, timeout: runTimeoutMs })
    const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
    // A program that ends early closes its end; its status says what there is to say.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    const [stdout, stderr] = await Promise.all([buffer(child.stdout), buffer(child.stderr)])
    const [code, signal] = await ended

    const ends = `${program} ${args.join(' ')} ended with ${code ?? signal}`
    assert.equal(code, status, `${ends}:\n${stdout.toString()}\n${stderr.toString()}`)
    return stdout.toString()
  }
}

/** A workplace that opens before the tests of a file and closes after them. */
export function workplaceOf(test: TestFn): () => Workplace {
  let workplace: Workplace | undefined

  test.before(async () => {
    workplace = await Workplace.open()
  })
  test.after.always(async () => {
    await workplace?.close()
  })

  return () => {
    assert(workplace !== undefined)
    return workplace
  }
}
